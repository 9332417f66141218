//! What `#[observe]` records of arguments and outputs.

use serde::Serialize;
use serde_json::{Value, json};
use warmspan::{Content, observe};

use crate::observe_project::{Project, observed};

/// Not `Serialize`; its `Debug` tells what nobody should know.
#[derive(Debug, Clone)]
struct Secretive(#[expect(dead_code, reason = "what Debug would print")] &'static str);

#[tokio::test]
async fn what_cannot_be_serialised_is_named_by_its_type() {
    #[observe]
    fn keep(secretive: &Secretive, list: Vec<Secretive>, ok: u8) -> Secretive {
        drop(list);
        let _ = ok;
        secretive.clone()
    }
    let outline = observed(|| {
        keep(&Secretive("1234"), vec![Secretive("5678")], 1);
    });
    let name = "it::observe_values::Secretive";
    assert_eq!(
        outline.await,
        format!(
            "keep [span] input={{\"secretive\":\"&{name}\",\"list\":\"alloc::vec::Vec<{name}>\",\"ok\":1}} \
             output={name}\n"
        )
    );
}

#[tokio::test]
async fn a_generic_without_the_bound_is_named_by_its_type() {
    #[observe(capture_output = false)]
    fn pass<T>(value: T) -> T {
        value
    }
    assert_eq!(
        observed(|| _ = pass("text")).await,
        "pass [span] input={\"value\":\"&str\"}\n"
    );
}

#[tokio::test]
async fn input_and_output_can_be_left_out() {
    #[observe(capture_input = false)]
    fn no_input(a: u8) -> u8 {
        a
    }
    #[observe(capture_output = false)]
    fn no_output(a: u8) -> Result<u8, String> {
        if a > 1 { Err("too big".into()) } else { Ok(a) }
    }
    let outline = observed(|| {
        no_input(1);
        no_output(1).unwrap();
        no_output(2).unwrap_err();
    });
    assert_eq!(
        outline.await,
        "\
no_input [span] output=1
no_output [span] input={\"a\":1}
no_output [span] ERROR \"too big\" input={\"a\":2}
"
    );
}

#[tokio::test]
async fn arguments_can_be_skipped_and_renamed() {
    #[observe(skip(token, r#type), rename(q = "question", n = "top k"))]
    fn ask(q: &str, n: u8, token: &str, r#type: u8, r#match: bool) {
        let _ = (q, n, token, r#type, r#match);
    }
    assert_eq!(
        observed(|| ask("why", 3, "secret", 1, true)).await,
        "ask [span] input={\"question\":\"why\",\"top k\":3,\"match\":true}\n"
    );
}

#[tokio::test]
async fn patterns_are_recorded_by_what_they_bind() {
    struct Wrapper<T>(T);
    #[derive(Clone, Copy)]
    struct Point {
        x: u8,
        y: u8,
    }
    #[observe]
    #[allow(
        clippy::too_many_arguments,
        reason = "each is a pattern of another kind"
    )]
    fn add(
        (a, b): (u8, u8),
        Wrapper(c): Wrapper<u8>,
        Point { x, y: height }: Point,
        [first, .., last]: [u8; 3],
        whole @ Point { .. }: Point,
        &shared: &u8,
        _: &str,
        mut sum: u8,
    ) -> u8 {
        sum += a + b + c + x + height + first + last + whole.x + shared;
        sum
    }
    let point = Point { x: 4, y: 5 };
    let outline = observed(|| {
        add((1, 2), Wrapper(3), point, [6, 7, 8], point, &9, "_", 0);
        let _ = point.y;
    });
    assert_eq!(
        outline.await,
        "add [span] input={\"a\":1,\"b\":2,\"c\":3,\"x\":4,\"height\":5,\"first\":6,\"last\":8,\
         \"whole\":\"it::observe_values::patterns_are_recorded_by_what_they_bind::{{closure}}::Point\",\
         \"shared\":9,\"sum\":0} output=42\n"
    );
}

#[tokio::test]
async fn arguments_under_a_condition() {
    #[observe]
    fn conditional(#[cfg(test)] there: u8, #[cfg(any())] gone: Missing) -> u8 {
        there
    }
    assert_eq!(
        observed(|| _ = conditional(1)).await,
        "conditional [span] input={\"there\":1} output=1\n"
    );
}

#[tokio::test]
async fn the_output_can_be_transformed() {
    #[derive(Serialize)]
    struct Answer {
        text: String,
        tokens: u32,
    }
    fn text(answer: &Answer) -> &str {
        &answer.text
    }
    #[observe(transform = text)]
    fn by_path() -> Answer {
        Answer {
            text: "42".into(),
            tokens: 1,
        }
    }
    #[observe(transform = |answer: &Answer| answer.tokens)]
    fn by_closure(ok: bool) -> Result<Answer, String> {
        if ok { Ok(by_path()) } else { Err("no".into()) }
    }
    #[observe(transform = |_: &Answer| Secretive("1234"))]
    fn to_something_secretive() -> Answer {
        by_path()
    }
    let outline = observed(|| {
        by_closure(true).ok();
        by_closure(false).err();
        to_something_secretive();
    });
    assert_eq!(
        outline.await,
        "\
by_closure [span] input={\"ok\":true} output=1
└─ by_path [span] output=42
by_closure [span] ERROR \"no\" input={\"ok\":false}
to_something_secretive [span] output=it::observe_values::Secretive
└─ by_path [span] output=42
"
    );
}

#[observe]
fn echo(text: &str, list: Vec<u8>) -> String {
    let _ = list;
    text.to_owned()
}

#[tokio::test]
async fn a_preview_keeps_the_beginning_of_each_argument_and_stays_json() {
    let project = Project::new().await;
    let text = "é\"".repeat(400);
    project.root().in_scope(|| echo(&text, vec![7; 1000]));
    let echo = project.find("echo").await;
    let input: Value = serde_json::from_str(echo.input.as_deref().unwrap()).unwrap();
    assert_eq!(input["text"], format!("{}…[+300 chars]", "é\"".repeat(250)));
    let list = input["list"].as_array().unwrap();
    assert_eq!(
        (&list[0], list.last().unwrap()),
        (&json!(7), &json!("…[+1501 chars]"))
    );
    assert_eq!(echo.int("warmspan.input.kept"), Some(1000));
    assert_eq!(echo.int("warmspan.input.chars"), Some(2801));
    assert!(echo.output.unwrap().ends_with("…[+300 chars]"));
}

#[tokio::test]
async fn full_keeps_everything_and_off_keeps_nothing() {
    let text = "a".repeat(2000);
    let full = Project::with(|config| config.content(Content::Full)).await;
    full.root().in_scope(|| echo(&text, vec![]));
    let input = full.find("echo").await.input.unwrap();
    assert_eq!(input, format!("{{\"text\":\"{text}\",\"list\":[]}}"));

    #[observe]
    fn fail(text: &str) -> Result<String, String> {
        Err(text.to_owned())
    }
    let off = Project::with(|config| config.content(Content::Off)).await;
    off.root().in_scope(|| {
        echo(&text, vec![]);
        fail("no such model").unwrap_err();
    });
    assert_eq!(
        off.outline().await,
        "root [span]\n├─ echo [span]\n└─ fail [span] ERROR \"no such model\"\n"
    );
}

#[tokio::test]
async fn keys_in_arguments_outputs_and_errors_are_redacted() {
    #[observe]
    fn call(key: &str) -> Result<(), String> {
        Err(format!("refused: {key}"))
    }
    let outline = observed(|| {
        call("sk-proj-0123456789abcdef").unwrap_err();
    });
    assert_eq!(
        outline.await,
        "call [span] ERROR \"refused: [redacted]\" input={\"key\":\"[redacted]\"}\n"
    );
}

#[tokio::test]
async fn what_is_not_sampled_is_not_serialised() {
    struct Untouchable;
    impl Serialize for Untouchable {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("serialised")
        }
    }
    #[observe]
    fn take(value: Untouchable) -> Untouchable {
        value
    }
    let project = Project::with(|config| config.sample_rate(0.0)).await;
    project.root().in_scope(|| take(Untouchable));
    assert_eq!(project.outline().await, "");
}
