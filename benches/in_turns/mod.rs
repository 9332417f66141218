//! Candidates in turns: what else the machine does slows all of them alike.

use std::time::Duration;

/// The median of each candidate's times, over so many rounds in which each has one turn.
pub(crate) fn in_turns<const N: usize>(
    rounds: usize,
    mut candidates: [&mut dyn FnMut() -> Duration; N],
) -> [Duration; N] {
    let mut times = [const { Vec::new() }; N];
    let warm_up = rounds / 10 + 1;
    for round in 0..warm_up + rounds {
        for (candidate, times) in candidates.iter_mut().zip(&mut times) {
            let time = candidate();
            if round >= warm_up {
                times.push(time);
            }
        }
    }
    times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    })
}
