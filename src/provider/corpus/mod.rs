//! Replays recorded traffic through the engine and compares with what others say of it.
//!
//! `WARMSPAN_CORPUS` names a folder with `cassettes/*.jsonl.gz` and `expected.jsonl.gz`. Without
//! it a few recordings of our own are replayed. The few values that [`exceptions`] rules out are
//! shown, and are part of the last column, which is the agreement without any exception.

mod exceptions;

use std::{
    collections::{BTreeMap, HashMap},
    error::Error,
    fmt::Write as _,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
    time::SystemTime,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::read::MultiGzDecoder;
use serde_json::{Value, json};

use super::{
    call::{Call, Ended},
    endpoint::Endpoint,
    recorder::Recorder,
};
use crate::observation::{Content, Usage};

const OWN_CASSETTES: &str = include_str!("../fixtures/cassettes.jsonl");
const OWN_EXPECTED: &str = include_str!("../fixtures/expected.jsonl");

/// The fields that are compared.
const FIELDS: [&str; 8] = [
    "response_model",
    "response_id",
    "finish_reasons",
    "input_tokens_total",
    "output_tokens_total",
    "cache_read_input_tokens",
    "reasoning_output_tokens",
    "error",
];

/// The agreement, in per cent, under which a row fails, however few values it has.
const MIN_AGREEMENT: f64 = 99.5;

#[test]
#[allow(clippy::print_stdout)] // the table is what the test is for
fn corpus() -> Result<(), Box<dyn Error>> {
    let mut table = Table::default();
    if let Some(folder) = std::env::var_os("WARMSPAN_CORPUS") {
        table.replay_folder(Path::new(&folder))?;
    } else {
        println!("WARMSPAN_CORPUS is not set: replaying the fixtures of this repository");
        let expected = read_expected(OWN_EXPECTED.lines().map(|line| Ok(line.to_owned())))?;
        table.replay(
            OWN_CASSETTES.lines().map(|line| Ok(line.to_owned())),
            &expected,
        )?;
    }
    println!("{}", table.render());
    assert!(table.compared() > 0, "nothing was compared");
    let failed = table.failed_rows();
    assert!(
        failed.is_empty(),
        "agreement under {MIN_AGREEMENT} %: {failed:?}"
    );
    assert!(
        table.unstable.is_empty(),
        "the cut of the bytes or the content policy mattered: {:?}",
        table.unstable
    );
    Ok(())
}

type Lines<'a> = Box<dyn Iterator<Item = std::io::Result<String>> + 'a>;

fn read_gz(path: &Path) -> Result<Lines<'static>, Box<dyn Error>> {
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Box::new(BufReader::new(MultiGzDecoder::new(file)).lines()))
}

fn read_expected(
    lines: impl Iterator<Item = std::io::Result<String>>,
) -> Result<HashMap<String, Value>, Box<dyn Error>> {
    let mut expected = HashMap::new();
    for line in lines {
        let line: Value = serde_json::from_str(&line?)?;
        let id = line
            .get("id")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        expected.insert(id, line.get("expected").cloned().unwrap_or_default());
    }
    Ok(expected)
}

#[derive(Default)]
struct Row {
    replayed: usize,
    without_extractor: usize,
    compared: usize,
    agreed: usize,
    excepted: usize,
}

impl Row {
    /// In per cent. None if nothing was compared.
    fn agreement(&self) -> Option<f64> {
        self.agreement_of(self.compared)
    }

    /// The same with the exceptions as disagreements.
    fn strict_agreement(&self) -> Option<f64> {
        self.agreement_of(self.compared + self.excepted)
    }

    #[allow(clippy::cast_precision_loss)] // thousands
    fn agreement_of(&self, compared: usize) -> Option<f64> {
        (compared > 0).then(|| self.agreed as f64 * 100.0 / compared as f64)
    }

    fn add(&mut self, other: &Self) {
        self.replayed += other.replayed;
        self.without_extractor += other.without_extractor;
        self.excepted += other.excepted;
        self.compared += other.compared;
        self.agreed += other.agreed;
    }
}

#[derive(Default)]
struct Table {
    rows: BTreeMap<(String, String), Row>,
    disagreements: Vec<String>,
    unstable: Vec<String>,
}

impl Table {
    fn replay_folder(&mut self, folder: &Path) -> Result<(), Box<dyn Error>> {
        let expected = read_expected(read_gz(&folder.join("expected.jsonl.gz"))?)?;
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder.join("cassettes"))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "gz") {
                files.push(path);
            }
        }
        files.sort();
        for file in files {
            self.replay(read_gz(&file)?, &expected)?;
        }
        Ok(())
    }

    fn replay(
        &mut self,
        lines: impl Iterator<Item = std::io::Result<String>>,
        expected: &HashMap<String, Value>,
    ) -> Result<(), Box<dyn Error>> {
        for line in lines {
            let recording: Recording = serde_json::from_str(&line?)?;
            let key = (recording.provider.clone(), recording.op.clone());
            let row = self.rows.entry(key).or_default();
            let Some(endpoint) = recording.endpoint() else {
                row.without_extractor += 1;
                if expected.contains_key(&recording.id) {
                    // An answer was asked for, and there is none.
                    row.compared += 1;
                    let Recording {
                        id, provider, op, ..
                    } = &recording;
                    self.disagreements
                        .push(format!("{id} {provider} {op}: no extractor reads it"));
                }
                continue;
            };
            row.replayed += 1;
            let call = recording.replay(&endpoint, Cut::Whole);
            for seed in 1..=3 {
                let again = recording.replay(&endpoint, Cut::Random(seed));
                if format!("{call:?}") != format!("{again:?}") {
                    self.unstable.push(recording.id.clone());
                }
            }
            let full = recording.replay_with(&endpoint, Cut::Whole, Content::Full);
            if facts(&call) != facts(&full) {
                self.unstable.push(recording.id.clone());
            }
            if let Some(expected) = expected.get(&recording.id) {
                compare(&recording, &call, expected, row, &mut self.disagreements);
            }
        }
        Ok(())
    }

    fn compared(&self) -> usize {
        self.rows.values().map(|row| row.compared).sum()
    }

    /// The rows that agree too seldom, with their agreement.
    fn failed_rows(&self) -> Vec<String> {
        let failed = self.rows.iter().filter_map(|((provider, op), row)| {
            let agreement = row.agreement()?;
            (agreement < MIN_AGREEMENT).then(|| format!("{provider} {op}: {agreement:.2} %"))
        });
        failed.collect()
    }

    fn render(&self) -> String {
        let mut text = format!(
            "{:<40} {:<23} {:>8} {:>8} {:>8} {:>8} {:>8} {:>9} {:>9}\n",
            "provider",
            "operation",
            "replayed",
            "no api",
            "excepted",
            "compared",
            "agreed",
            "agreement",
            "strict"
        );
        let mut all = Row::default();
        let line = |text: &mut String, provider: &str, op: &str, row: &Row| {
            let [agreement, strict] = [row.agreement(), row.strict_agreement()].map(|agreement| {
                agreement.map_or_else(|| "-".to_owned(), |agreement| format!("{agreement:.2} %"))
            });
            let _ = writeln!(
                text,
                "{provider:<40.40} {op:<23} {:>8} {:>8} {:>8} {:>8} {:>8} {agreement:>9} {strict:>9}",
                row.replayed, row.without_extractor, row.excepted, row.compared, row.agreed
            );
        };
        for ((provider, op), row) in &self.rows {
            line(&mut text, provider, op, row);
            all.add(row);
        }
        line(&mut text, "all", "", &all);
        for disagreement in &self.disagreements {
            let _ = writeln!(text, "{disagreement}");
        }
        text
    }
}

#[derive(serde::Deserialize)]
struct Recording {
    id: String,
    provider: String,
    op: String,
    method: String,
    url: String,
    request: Value,
    status: u16,
    #[serde(default)]
    response_headers: HashMap<String, String>,
    response_text: Option<String>,
    response_b64: Option<String>,
}

/// How the body of a response is cut into chunks.
#[derive(Clone, Copy)]
enum Cut {
    Whole,
    /// At pseudo-random places, from this seed.
    Random(u64),
}

impl Recording {
    /// As the seams find it, which ask unknown servers for a model call's body.
    fn endpoint(&self) -> Option<Endpoint> {
        let (_, rest) = self.url.split_once("://")?;
        let (host, path) = rest.split_once('/')?;
        let host = host.split(':').next().unwrap_or(host);
        let path = format!("/{}", path.split(['?', '#']).next().unwrap_or(path));
        let body = self.request.to_string();
        let body = Some(body.as_bytes()).filter(|_| !self.request.is_null());
        Endpoint::of_request(&self.method, host, &path, body)
    }

    fn body(&self) -> Vec<u8> {
        let decode = |encoded: &str| STANDARD.decode(encoded.trim()).ok();
        let content_type = self.response_headers.get("content-type");
        let is_binary = content_type.is_some_and(|kind| kind.ends_with("eventstream"));
        match (&self.response_text, &self.response_b64) {
            // Some recorders wrote binary bodies as text in base 64.
            (Some(text), _) => is_binary
                .then(|| decode(text))
                .flatten()
                .unwrap_or_else(|| text.clone().into_bytes()),
            (None, Some(encoded)) => decode(encoded).unwrap_or_default(),
            (None, None) => Vec::new(),
        }
    }

    fn replay(&self, endpoint: &Endpoint, cut: Cut) -> Call {
        self.replay_with(endpoint, cut, Content::Preview)
    }

    fn replay_with(&self, endpoint: &Endpoint, cut: Cut, content: Content) -> Call {
        let mut recorder = Recorder::new(endpoint.clone(), content);
        recorder.request(self.request.to_string().as_bytes());
        let header = |name: &str| self.response_headers.get(name).map(String::as_str);
        recorder.head(self.status, &header);
        let body = self.body();
        let mut rest = body.as_slice();
        let mut size = cut.sizes();
        while !rest.is_empty() {
            let (chunk, next) = rest.split_at(size().clamp(1, rest.len()));
            recorder.chunk(chunk, SystemTime::UNIX_EPOCH);
            rest = next;
        }
        recorder.finish(Ended::Eof, 1)
    }
}

impl Cut {
    fn sizes(self) -> impl FnMut() -> usize {
        let mut state = match self {
            Self::Whole => 0,
            Self::Random(seed) => seed.wrapping_mul(0x9E37_79B9_7F4A_7C15),
        };
        move || {
            if state == 0 {
                return usize::MAX;
            }
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            // Mostly some hundred bytes, now and then a few.
            usize::try_from(state % if state & 0x700 == 0 { 5 } else { 600 }).unwrap_or(1)
        }
    }
}

/// What must not depend on how much of the content is kept: a preview parses less.
fn facts(call: &Call) -> String {
    let Call {
        response_id,
        response_model,
        finish_reasons,
        usage,
        cost,
        failure,
        ended,
        first_content,
        ..
    } = call;
    format!(
        "{response_id:?} {response_model:?} {finish_reasons:?} {usage:?} {cost:?} {failure:?} \
         {ended:?} {first_content:?}"
    )
}

fn compare(
    recording: &Recording,
    call: &Call,
    expected: &Value,
    row: &mut Row,
    disagreements: &mut Vec<String>,
) {
    for field in FIELDS {
        let Some(expected) = expected.get(field) else {
            continue;
        };
        let actual = actual(call, field);
        // Some wrote counts as floats.
        if actual == *expected || actual.is_number() && actual.as_f64() == expected.as_f64() {
            row.compared += 1;
            row.agreed += 1;
            continue;
        }
        let Recording {
            id, provider, op, ..
        } = recording;
        let rule = exceptions::rule(recording, field, expected, &actual);
        match rule {
            Some(_) => row.excepted += 1,
            None => row.compared += 1,
        }
        let reason = rule.map_or("disagreement", |rule| rule.reason);
        disagreements.push(format!(
            "{id} {provider} {op} {field}: expected {expected}, got {actual} ({reason})"
        ));
    }
}

fn actual(call: &Call, field: &str) -> Value {
    let usage = call
        .usage
        .as_ref()
        .filter(|usage| **usage != Usage::new().total(0));
    let bucket = |name: &str| usage.and_then(|usage| usage.get(name)).unwrap_or_default();
    match field {
        "response_model" => json!(call.model()),
        "response_id" => json!(call.response_id),
        "finish_reasons" => json!(call.finish_reasons),
        "input_tokens_total" => json!(usage.and_then(|_| call.input_tokens())),
        "output_tokens_total" => json!(usage.and_then(|usage| sum(usage, "output"))),
        "cache_read_input_tokens" => json!(bucket("input_cached_tokens")),
        "reasoning_output_tokens" => json!(
            call.thinking_tokens
                .unwrap_or_else(|| bucket("output_reasoning_tokens"))
        ),
        "error" => json!(call.failure.is_some()),
        _ => Value::Null,
    }
}

/// The sum of the buckets whose name begins with `prefix`.
fn sum(usage: &Usage, prefix: &str) -> Option<u64> {
    let buckets: BTreeMap<String, u64> = serde_json::from_value(json!(usage)).ok()?;
    let counts = buckets.iter().filter(|(name, _)| name.starts_with(prefix));
    counts
        .map(|(_, count)| *count)
        .reduce(|sum, count| sum + count)
}
