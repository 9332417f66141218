//! What holds whatever happens: no attribute reaches another task, no masked text leaves, no cut
//! breaks a character or JSON.

use std::{collections::BTreeMap, future::Future, pin::Pin, time::Duration};

use futures_util::{Stream, StreamExt as _, stream};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use tokio::runtime::{Builder, Runtime};
use warmspan::{
    Content, Observation, ObserveFuture as _, Score, Sdk, TraceAttributes, observe,
    testkit::langfuse::{self, Langfuse},
};

const BUDGET: Duration = Duration::from_secs(10);

fn runtimes() -> [Runtime; 2] {
    let multi_thread = Builder::new_multi_thread()
        .worker_threads(3)
        .enable_all()
        .build();
    let current_thread = Builder::new_current_thread().enable_all().build();
    [multi_thread.unwrap(), current_thread.unwrap()]
}

/// An observation, what it says for all inside of it, and what happens there.
#[derive(Clone, Debug)]
struct Step {
    how: How,
    says_a_tag: bool,
    yields: u8,
    inside: Vec<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    /// Awaited where it is.
    Awaited,
    /// Started from the handle of its parent.
    FromHandle,
    /// In a task that keeps the current observation.
    Spawned,
    /// In a task that forgets it.
    Forgotten,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let how = prop_oneof![
        Just(How::Awaited),
        Just(How::FromHandle),
        Just(How::Spawned),
        Just(How::Forgotten)
    ];
    let leaf = (how.clone(), any::<bool>(), 0..3_u8).prop_map(|(how, says_a_tag, yields)| Step {
        how,
        says_a_tag,
        yields,
        inside: Vec::new(),
    });
    let step = leaf.prop_recursive(3, 12, 3, move |inner| {
        let inside = prop::collection::vec(inner, 0..3);
        (how.clone(), any::<bool>(), 0..3_u8, inside).prop_map(
            |(how, says_a_tag, yields, inside)| Step {
                how,
                says_a_tag,
                yields,
                inside,
            },
        )
    });
    prop::collection::vec(step, 0..3)
}

type Run = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Takes the steps inside of the current observation, whose name is `path`. The names tell who is
/// whose child.
fn take(sdk: Sdk, parent: Observation, path: String, steps: Vec<Step>) -> Run {
    Box::pin(async move {
        let mut tasks = Vec::new();
        for (at, step) in steps.into_iter().enumerate() {
            let forgets = step.how == How::Forgotten;
            let name = if forgets {
                format!("lost/{path}/{at}")
            } else {
                format!("{path}/{at}")
            };
            for _ in 0..step.yields {
                tokio::task::yield_now().await;
            }
            let run = {
                let (sdk, parent) = (sdk.clone(), parent.clone());
                async move {
                    let observation = match step.how {
                        How::FromHandle => parent.observation(name.clone()).start(),
                        _ => sdk.span(name.clone()),
                    };
                    let tag = step.says_a_tag.then(|| name.clone());
                    let inside = take(sdk, observation.clone(), name, step.inside);
                    match tag {
                        Some(tag) => {
                            let attributes = TraceAttributes::new().tags([tag]);
                            inside
                                .with_trace_attributes(attributes)
                                .observed(observation)
                                .await;
                        }
                        None => inside.observed(observation).await,
                    }
                }
            };
            match step.how {
                How::Awaited | How::FromHandle => run.await,
                How::Spawned => tasks.push(tokio::spawn(run.in_current_observation())),
                How::Forgotten => tasks.push(tokio::spawn(run)),
            }
        }
        for task in tasks {
            task.await.unwrap();
        }
    })
}

/// What each observation has to carry: its parent's name, its user, its tags.
fn expect(into: &mut BTreeMap<String, Expected>, around: &Expected, path: &str, steps: &[Step]) {
    for (at, step) in steps.iter().enumerate() {
        let forgets = step.how == How::Forgotten;
        let name = if forgets {
            format!("lost/{path}/{at}")
        } else {
            format!("{path}/{at}")
        };
        let mut expected = if forgets {
            Expected::default()
        } else {
            Expected {
                parent: Some(path.to_owned()),
                ..around.clone()
            }
        };
        if step.says_a_tag {
            expected.tags.push(name.clone());
        }
        expect(into, &expected, &name, &step.inside);
        into.insert(name, expected);
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Expected {
    parent: Option<String>,
    user: Option<String>,
    session: Option<String>,
    tags: Vec<String>,
}

fn arrived(all: &[langfuse::Observation]) -> BTreeMap<String, Expected> {
    let names: BTreeMap<_, _> = all.iter().map(|seen| (&seen.span_id, &seen.name)).collect();
    let of = |seen: &langfuse::Observation| Expected {
        parent: seen.parent_span_id.as_ref().map(|id| names[id].clone()),
        user: seen.text("user.id").map(str::to_owned),
        session: seen.text("session.id").map(str::to_owned),
        tags: match seen.attributes.get("langfuse.trace.tags") {
            Some(langfuse::Value::Array(tags)) => tags.iter().map(ToString::to_string).collect(),
            _ => Vec::new(),
        },
    };
    all.iter()
        .map(|seen| (seen.name.clone(), of(seen)))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_observation_carries_exactly_what_is_its_own(requests in prop::collection::vec(steps(), 1..6)) {
        let mut expected = BTreeMap::new();
        for (n, steps) in requests.iter().enumerate() {
            let root = Expected {
                parent: None,
                user: Some(format!("user-{n}")),
                session: Some(format!("session-{n}")),
                tags: vec![format!("tag-{n}")],
            };
            expect(&mut expected, &root, &n.to_string(), steps);
            expected.insert(n.to_string(), root);
        }
        for runtime in runtimes() {
            let all = runtime.block_on(async {
                let langfuse = Langfuse::start().await.unwrap();
                let sdk = Sdk::new(langfuse.config());
                let tasks = requests.iter().cloned().enumerate().map(|(n, steps)| {
                    let sdk = sdk.clone();
                    let attributes = TraceAttributes::new()
                        .user_id(format!("user-{n}"))
                        .session_id(format!("session-{n}"))
                        .tags([format!("tag-{n}")]);
                    tokio::spawn(async move {
                        let root = sdk.span(n.to_string());
                        let inside = take(sdk, root.clone(), n.to_string(), steps);
                        inside.observed(root).await;
                    }.with_trace_attributes(attributes))
                });
                for task in tasks.collect::<Vec<_>>() {
                    task.await.unwrap();
                }
                assert!(sdk.force_flush(BUDGET).await.is_complete());
                langfuse.observations()
            });
            prop_assert_eq!(arrived(&all), expected.clone());
        }
    }
}

const SECRET: &str = "Zq7xWkTvBnLmPd";
/// As much of it as would give it away.
const HALF: &str = "Zq7xW";

/// A text with the secret after so many characters, and more than any limit keeps after it.
fn with_secret(before: usize) -> String {
    format!("{}{SECRET}{}", "é".repeat(before), " and so on".repeat(30))
}

#[observe(sdk = sdk, skip(sdk))]
fn observed(sdk: &Sdk, text: &str, list: &[Json], object: Json) -> Json {
    let _ = (text, list);
    object
}

#[observe(sdk = sdk, skip(sdk))]
fn fails(sdk: &Sdk, text: &str) -> Result<(), String> {
    Err(text.to_owned())
}

#[observe(sdk = sdk, skip(sdk, text))]
fn texts(sdk: &Sdk, text: &str) -> impl Stream<Item = String> + use<> {
    // The secret in two pieces.
    let (a, b) = text.split_at(text.find(SECRET).or(text.find("sk-")).unwrap() + 5);
    stream::iter([a.to_owned(), b.to_owned()])
}

#[observe(sdk = sdk, skip(sdk, text))]
fn items(sdk: &Sdk, text: &str) -> impl Stream<Item = Json> + use<> {
    stream::iter([json!({"text": text}), json!([text])])
}

async fn say_it_everywhere(sdk: &Sdk, text: &str, short: &str) {
    let object = json!({"a": [text], "b": {"c": text}});
    let list = [json!(text), object.clone()];
    let span = sdk.generation("by-hand");
    span.input(text)
        .output(&object)
        .metadata("text", text)
        .metadata("list", &list);
    span.metadata_object(&object)
        .status_message(text)
        .model_parameters(&object);
    span.attribute("my.text", text.to_owned());
    span.end();
    sdk.generation("other-way")
        .input(&list)
        .output(text)
        .error(&text);
    observed(sdk, text, &list, object.clone());
    observed(sdk, "short", &[], json!(text));
    let _ = fails(sdk, text);
    texts(sdk, text).collect::<Vec<_>>().await;
    items(sdk, text).collect::<Vec<_>>().await;
    let panics = async { std::panic::panic_any(text.to_owned()) }.observed(sdk.span("panics"));
    let panics = futures_util::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(panics));
    assert!(panics.await.is_err());
    let _ = async { Err::<(), _>(text) }
        .observed_result(sdk.span("result"))
        .await;

    let attributes = TraceAttributes::new()
        .user_id(short)
        .session_id(short)
        .trace_name(short)
        .tags([short])
        .metadata("text", short)
        .metadata("list", &[short]);
    async {
        let span = sdk.span("of-a-user");
        span.score(
            Score::numeric("n", 1.0)
                .comment(text)
                .metadata("text", text),
        );
        span.score_trace(Score::categorical("c", text).metadata("list", &list));
        TraceAttributes::new()
            .metadata("more", short)
            .in_scope(|| ());
    }
    .with_trace_attributes(attributes)
    .observed(sdk.span("root"))
    .await;
}

async fn is_masked_everywhere(before: usize, content: Content) {
    let langfuse = Langfuse::start().await.unwrap();
    let config = langfuse.config().content(content);
    let sdk = Sdk::new(config.mask(|_, text| text.replace(SECRET, "***")));
    say_it_everywhere(&sdk, &with_secret(before), SECRET).await;
    let report = sdk.force_flush(BUDGET).await;
    assert!(report.is_complete(), "{report}");
    assert_eq!(langfuse.observations().len(), 11);
    if langfuse.contains(HALF) {
        let leaks: Vec<_> = langfuse
            .observations()
            .into_iter()
            .flat_map(|seen| {
                let name = seen.name;
                seen.attributes
                    .into_iter()
                    .filter(|(_, value)| value.to_string().contains(HALF))
                    .map(move |(key, _)| format!("{name}: {key}"))
            })
            .collect();
        panic!("{before} characters before, {content:?}: {leaks:?}");
    }
}

/// Around every limit, so that each cut falls into the secret somewhere.
fn before() -> impl Strategy<Value = usize> {
    let around = |limit: usize| limit.saturating_sub(30)..limit + 5;
    prop_oneof![0..700_usize, around(200), around(500), around(10_000)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_masked_secret_is_nowhere_in_what_is_sent(before in before(), full: bool) {
        let content = if full { Content::Full } else { Content::Preview };
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(is_masked_everywhere(before, content));
    }
}

#[tokio::test]
async fn neither_is_it_at_the_largest_limit() {
    for before in [Content::MAX_CHARS - 20, Content::MAX_CHARS - 5] {
        is_masked_everywhere(before, Content::Full).await;
    }
}

/// Without any mask.
#[tokio::test]
async fn keys_are_taken_out_everywhere() {
    const KEY: &str = "sk-proj-0123456789abcdef";
    for before in [0, 490, 495, 9_990] {
        let langfuse = Langfuse::start().await.unwrap();
        let sdk = Sdk::new(langfuse.config());
        say_it_everywhere(
            &sdk,
            &with_secret(before).replace(SECRET, &format!(" {KEY}")),
            KEY,
        )
        .await;
        assert!(sdk.force_flush(BUDGET).await.is_complete());
        assert!(
            !langfuse.contains("sk-proj-0"),
            "{before} characters before"
        );
    }
}

#[tokio::test]
async fn a_mask_that_panics_lets_nothing_through() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = Sdk::new(langfuse.config().mask(|_, _| panic!("no")));
    say_it_everywhere(&sdk, &with_secret(490), SECRET).await;
    assert!(sdk.force_flush(BUDGET).await.is_complete());
    assert!(!langfuse.contains(HALF));
    assert!(langfuse.contains("<fully masked due to failed mask function>"));
}

#[observe(sdk = sdk, skip(sdk))]
fn pass(sdk: &Sdk, value: Json) -> Json {
    value
}

/// Characters of every length, and those that JSON escapes.
fn text(chars: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    let char = prop::sample::select(vec!['a', 'é', '€', '😀', '"', '\\', '\n', '\u{1}', ' ']);
    prop::collection::vec(char, chars).prop_map(String::from_iter)
}

fn json_value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        text(0..700).prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            prop::collection::hash_map(text(0..40), inner, 0..5).prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_cut_splits_no_character_and_leaves_json_valid(value in json_value(), long in text(400..700)) {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let all = runtime.block_on(async {
            let langfuse = Langfuse::start().await.unwrap();
            let sdk = Sdk::new(langfuse.config());
            pass(&sdk, value.clone());
            pass(&sdk, json!(long));
            let by_hand = sdk.generation("by-hand");
            by_hand.model_parameters(&json!({"value": value, "long": long.repeat(30)}));
            by_hand.metadata("list", &[&long.repeat(30)]).status_message(long.clone()).end();
            assert!(sdk.force_flush(BUDGET).await.is_complete());
            langfuse.observations()
        });
        let is_json = |text: &str| serde_json::from_str::<Json>(text).is_ok();
        for seen in &all {
            if let Some(input) = &seen.input {
                prop_assert!(is_json(input), "{}", input);
            }
        }
        let first = all[0].output.as_deref();
        match &value {
            Json::Null => prop_assert_eq!(first, None),
            Json::String(text) => is_beginning(first.unwrap(), text)?,
            // A number that could be a payment card's is redacted, and is a text then.
            Json::Number(_) => prop_assert!(is_json(first.unwrap()) || first == Some("[card]"), "{:?}", first),
            _ => prop_assert!(is_json(first.unwrap()), "{:?}", first),
        }
        is_beginning(all[1].output.as_deref().unwrap(), &long)?;
        is_beginning(all[2].status_message.as_deref().unwrap(), &long)?;
        for key in ["langfuse.observation.model.parameters", "langfuse.observation.metadata.list"] {
            let text = all[2].text(key).unwrap();
            prop_assert!(is_json(text), "{}: {}", key, text);
        }
    }
}

/// Whether `shown` is the text, or its beginning and how much is missing.
fn is_beginning(shown: &str, text: &str) -> Result<(), TestCaseError> {
    let Some((kept, note)) = shown.rsplit_once("…[+") else {
        prop_assert_eq!(shown, text);
        return Ok(());
    };
    let missing: usize = note.strip_suffix(" chars]").unwrap().parse().unwrap();
    prop_assert!(text.starts_with(kept), "{} of {}", kept, text);
    prop_assert_eq!(kept.chars().count() + missing, text.chars().count());
    Ok(())
}
