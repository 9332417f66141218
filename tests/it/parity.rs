//! What this crate sends is what the official SDKs send, but for the differences that are listed.
//!
//! With `WARMSPAN_GOLDEN`, a folder with captures of the official SDKs, everything that they sent is
//! compared, calls of models through instrumented clients included; without it, what `expected` knows
//! of the Python SDK 5.0.4.

mod call_differences;
mod calls;
mod capture;
mod differences;
mod expected;
mod scenario;

use std::{collections::BTreeSet, env, fs, path::Path};

use capture::Capture;
use differences::Difference;
use warmspan::testkit::langfuse::Langfuse;

/// The captures, and which of the two scenarios made each.
const SDKS: &[(&str, Language)] = &[
    (
        "py-3.12.1",
        Language::Python {
            updates_trace: true,
        },
    ),
    (
        "py-5.0.4",
        Language::Python {
            updates_trace: false,
        },
    ),
    (
        "js-4.6.1",
        Language::TypeScript {
            updates_trace: true,
        },
    ),
    (
        "js-5.11.1",
        Language::TypeScript {
            updates_trace: false,
        },
    ),
];

#[derive(Clone, Copy)]
enum Language {
    Python { updates_trace: bool },
    TypeScript { updates_trace: bool },
}

#[tokio::test]
async fn what_is_sent_is_what_the_official_sdks_send() {
    let Some(golden) = env::var_os("WARMSPAN_GOLDEN") else {
        println!("WARMSPAN_GOLDEN is not set: compared with the project's own table of py-5.0.4");
        let (sdk, language) = SDKS[1];
        compare(sdk, &expected::py_5_0_4(), &ours(language).await);
        return;
    };
    let mut used = BTreeSet::new();
    for (sdk, language) in SDKS {
        let dump = Path::new(&golden).join(format!("{sdk}.dump.txt"));
        let theirs = Capture::of_dump(&fs::read_to_string(&dump).expect("a capture"));
        assert!(
            theirs.observations().count() > 14,
            "{sdk}: the capture was read"
        );
        used.extend(compare(sdk, &theirs, &ours(*language).await));
    }
    used.extend(calls_of_models(Path::new(&golden)).await);
    let unused: Vec<_> = differences::all()
        .enumerate()
        .filter(|(at, _)| !used.contains(at))
        .map(|(_, listed)| listed)
        .collect();
    assert!(unused.is_empty(), "listed, but no difference: {unused:#?}");
}

#[tokio::test]
async fn the_own_table_says_what_the_capture_says() {
    let Some(golden) = env::var_os("WARMSPAN_GOLDEN") else {
        return;
    };
    let dump = Path::new(&golden).join("py-5.0.4.dump.txt");
    let theirs = Capture::of_dump(&fs::read_to_string(&dump).expect("a capture"));
    let own = expected::py_5_0_4();
    for (observation, own) in own.observations() {
        let mut theirs = theirs.get(observation).expect(observation).clone();
        // Every start of the process, and every release, has others.
        theirs.retain(|key, _| !["service.instance.id", "telemetry.sdk.version"].contains(&&**key));
        assert_eq!(own, &theirs, "{observation}");
    }
}

/// The calls of the scenarios through instrumented OpenAI clients.
async fn calls_of_models(golden: &Path) -> BTreeSet<usize> {
    let mut used = BTreeSet::new();
    for (sdk, language) in SDKS {
        let dump = fs::read_to_string(golden.join(format!("{sdk}.dump.txt"))).expect("a capture");
        let theirs = Capture::of_dumped_calls(&dump, calls::NAMES);
        let is_python = matches!(language, Language::Python { .. });
        let ours = Capture::of_calls(&calls::observed(is_python).await, calls::NAMES);
        for name in calls::NAMES {
            assert!(
                theirs.get(name).is_some() && ours.get(name).is_some(),
                "{sdk}: {name}"
            );
        }
        used.extend(compare(
            sdk,
            &theirs.only(calls::NAMES),
            &ours.only(calls::NAMES),
        ));
    }
    used
}

async fn ours(language: Language) -> Capture {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = scenario::sdk(&langfuse);
    match language {
        Language::Python { updates_trace } => scenario::python(&sdk, updates_trace).await,
        Language::TypeScript { updates_trace } => scenario::typescript(&sdk, updates_trace).await,
    }
    let report = sdk.force_flush(scenario::BUDGET).await;
    assert!(report.is_complete(), "{report}");
    Capture::of(&langfuse.observations())
}

/// The places in [`differences::all`] of the differences that there are; panics at one that is not there.
fn compare(sdk: &str, theirs: &Capture, ours: &Capture) -> BTreeSet<usize> {
    let mut used = BTreeSet::new();
    let mut unlisted = Vec::new();
    for found in capture::compare(theirs, ours) {
        match differences::all().position(|listed: &Difference| listed.is(sdk, &found)) {
            Some(at) => _ = used.insert(at),
            None => unlisted.push(found),
        }
    }
    assert!(
        unlisted.is_empty(),
        "{sdk}: differences without a reason: {unlisted:#?}"
    );
    used
}
