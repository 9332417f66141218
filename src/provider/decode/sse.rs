//! Server-sent events, cut into events wherever the network cut the bytes.

use super::{Event, MAX_EVENT, reuse};

/// Collects bytes and hands on complete events. Holds at most one event that is not complete.
#[derive(Debug, Default)]
pub(crate) struct SseFramer {
    line: Vec<u8>,
    name: Vec<u8>,
    data: Vec<u8>,
    /// Lines in `data`.
    data_lines: usize,
    after_cr: bool,
    started: bool,
    /// The present event is too long: nothing more of it is kept.
    given_up: bool,
    /// Events given up.
    lost: usize,
}

impl SseFramer {
    /// Adds bytes and calls `on_event` for each event that they complete.
    pub(crate) fn push(&mut self, bytes: &[u8], mut on_event: impl FnMut(Event<'_>)) {
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            let Some((&last, body)) = piece.split_last() else {
                continue;
            };
            match last {
                b'\n' if body.is_empty() && std::mem::take(&mut self.after_cr) => {}
                b'\n' | b'\r' => {
                    self.after_cr = last == b'\r';
                    self.keep(body);
                    self.end_line(&mut on_event);
                }
                _ => {
                    self.after_cr = false;
                    self.keep(piece);
                }
            }
        }
    }

    /// Hands on an event whose closing empty line never came.
    pub(crate) fn finish(&mut self, mut on_event: impl FnMut(Event<'_>)) {
        if !self.line.is_empty() {
            self.end_line(&mut on_event);
        }
        self.end_event(&mut on_event);
    }

    /// Bytes of memory held.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.line.capacity() + self.name.capacity() + self.data.capacity()
    }

    /// Events that were too long to be read.
    pub(crate) fn lost(&self) -> usize {
        self.lost
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.given_up {
            // One byte is enough to tell the rest of a long line from an empty one.
            if self.line.is_empty() && !bytes.is_empty() {
                self.line.push(b':');
            }
        } else if self.line.len() + self.name.len() + self.data.len() + bytes.len() > MAX_EVENT {
            self.given_up = true;
            self.lost += 1;
            self.line = vec![b':'];
            self.name = Vec::new();
            self.data = Vec::new();
        } else {
            self.line.extend_from_slice(bytes);
        }
    }

    fn end_line(&mut self, on_event: &mut impl FnMut(Event<'_>)) {
        let mut line = std::mem::take(&mut self.line);
        if !std::mem::replace(&mut self.started, true) && line.starts_with(b"\xEF\xBB\xBF") {
            line.drain(..3);
        }
        if line.is_empty() {
            self.end_event(on_event);
        } else if !self.given_up {
            self.read_line(&line);
        }
        reuse(&mut line);
        self.line = line; // keeps its room for the next line
    }

    fn read_line(&mut self, line: &[u8]) {
        let (field, value) = match line.iter().position(|&byte| byte == b':') {
            Some(colon) => line.split_at(colon),
            None => (line, &b""[..]),
        };
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => {
                if self.data_lines > 0 {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(value);
                self.data_lines += 1;
            }
            b"event" => {
                self.name.clear();
                self.name.extend_from_slice(value);
            }
            _ => {}
        }
    }

    fn end_event(&mut self, on_event: &mut impl FnMut(Event<'_>)) {
        if !self.given_up && self.data_lines > 0 {
            let name = String::from_utf8_lossy(&self.name);
            let data = String::from_utf8_lossy(&self.data);
            on_event(Event {
                name: &name,
                data: &data,
                is_exception: false,
            });
        }
        for buffer in [&mut self.name, &mut self.data, &mut self.line] {
            reuse(buffer);
        }
        self.data_lines = 0;
        self.given_up = false;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events(chunks: &[&[u8]]) -> Vec<(String, String)> {
        let mut events = Vec::new();
        let mut on_event =
            |event: Event<'_>| events.push((event.name.to_owned(), event.data.to_owned()));
        let mut framer = SseFramer::default();
        for chunk in chunks {
            framer.push(chunk, &mut on_event);
        }
        framer.finish(&mut on_event);
        events
    }

    fn event(name: &str, data: &str) -> (String, String) {
        (name.to_owned(), data.to_owned())
    }

    #[test]
    fn every_line_ending_comments_and_several_data_lines() {
        let body = "\u{feff}: hello\r\nevent: a\r\ndata: 1\r\ndata:2\r\n\r\ndata: x\r\rid: 7\n\n\
                    event:b\ndata\n\ndata: last";
        let expected = [
            event("a", "1\n2"),
            event("", "x"),
            event("b", ""),
            event("", "last"),
        ];
        assert_eq!(events(&[body.as_bytes()]), expected);
        let bytes: Vec<&[u8]> = body.as_bytes().chunks(1).collect();
        assert_eq!(events(&bytes), expected);
    }

    #[test]
    fn an_event_that_is_too_long_is_given_up_alone() {
        let long = format!("event: x\ndata: {}\n\n", "y".repeat(MAX_EVENT));
        let mut framer = SseFramer::default();
        let mut seen = Vec::new();
        for chunk in long.as_bytes().chunks(10_000) {
            framer.push(chunk, |event| seen.push(event.data.len()));
            assert!(framer.line.len() + framer.data.len() <= MAX_EVENT);
        }
        framer.push(b"data: z\n\n", |event| seen.push(event.data.len()));
        assert_eq!((seen, framer.lost()), (vec![1], 1));
    }

    #[test]
    fn a_huge_event_leaves_no_room_behind() {
        let huge = "y".repeat(200_000);
        for event in [
            format!("data: {huge}\n\n"),
            format!("event: {huge}\ndata: 1\n\n"),
            format!(
                "event: {huge}\ndata: {}\n\n",
                huge.repeat(MAX_EVENT / 200_000 + 1)
            ),
            format!(": {huge}\n\n"),
        ] {
            let mut framer = SseFramer::default();
            for chunk in event.as_bytes().chunks(10_000) {
                framer.push(chunk, |_| {});
            }
            framer.push(b"data: 1\n\n", |_| {});
            assert!(framer.held() < 4 * 1024, "{} bytes", framer.held());
        }
    }

    #[test]
    fn a_name_counts_like_the_rest_of_an_event() {
        let mut framer = SseFramer::default();
        let name = format!("event: {}\n", "n".repeat(MAX_EVENT - 100));
        framer.push(name.as_bytes(), |_| {});
        framer.push(format!("data: {}\n\n", "y".repeat(200)).as_bytes(), |_| {});
        assert_eq!(framer.lost(), 1);
    }

    proptest! {
        #[test]
        fn the_cut_of_the_bytes_does_not_matter(
            body in "(data: [aé€]{0,9}|event: b|: c|)(\r\n|\n|\r){1,3}(data: [aé€]{0,9}|event: b|)(\r\n|\n|\r){0,3}",
            size in 1_usize..9,
        ) {
            let chunks: Vec<&[u8]> = body.as_bytes().chunks(size).collect();
            prop_assert_eq!(events(&chunks), events(&[body.as_bytes()]));
        }
    }
}
