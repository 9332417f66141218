//! `#[observe]` on functions that return streams.

use std::pin::Pin;

use futures_util::{
    Stream, StreamExt as _,
    stream::{self, BoxStream},
};
use serde::Serialize;
use warmspan::{Content, Observation, ObserveFuture as _, observe};

use crate::observe_project::{Project, observed_async};

#[observe(as_type = "generation")]
fn words(text: &str) -> impl Stream<Item = String> {
    let words: Vec<_> = text.split_inclusive(' ').map(str::to_owned).collect();
    stream::iter(words)
}

#[tokio::test]
async fn text_chunks_are_joined_and_the_observation_ends_with_the_stream() {
    let project = Project::new().await;
    let root = project.root();
    let mut stream = root.in_scope(|| Box::pin(words("to be or not")));
    while let Some(_word) = stream.next().await {}
    drop(root);
    assert_eq!(
        project.outline().await.replace("langfuse.observation.", ""),
        "root [span]\n└─ words [generation] input={\"text\":\"to be or not\"} output=to be or not\n"
    );
    drop(stream);
}

#[tokio::test]
async fn what_a_stream_does_is_nested_in_it() {
    #[observe]
    fn step(n: u8) -> u8 {
        n + 1
    }
    #[observe]
    fn steps() -> impl Stream<Item = u8> {
        stream::iter(0..2).map(step)
    }
    let outline = observed_async(async {
        assert_eq!(steps().collect::<Vec<_>>().await, [1, 2]);
        assert!(Observation::current().is_some_and(|current| current.id().to_string() != ""));
    });
    assert_eq!(
        outline.await,
        "\
steps [span] output=[1,2]
├─ step [span] input={\"n\":0} output=1
└─ step [span] input={\"n\":1} output=2
"
    );
}

#[tokio::test]
async fn every_way_to_return_a_stream() {
    #[derive(Serialize)]
    struct Delta {
        text: &'static str,
    }
    type Deltas<'a> = BoxStream<'a, Delta>;
    type Maybe<'a> = Result<Deltas<'a>, String>;
    fn deltas() -> impl Stream<Item = Delta> + Send {
        stream::iter([Delta { text: "a" }, Delta { text: "b" }])
    }

    #[observe]
    fn boxed(n: &u8) -> BoxStream<'_, u8> {
        stream::iter([*n, 2]).boxed()
    }
    #[observe]
    fn pinned() -> Pin<Box<dyn Stream<Item = Delta>>> {
        Box::pin(deltas())
    }
    #[observe]
    async fn later() -> impl Stream<Item = Delta> {
        deltas()
    }
    #[observe]
    async fn in_result(ok: bool) -> Result<impl Stream<Item = Delta>, String> {
        if ok {
            Ok(deltas())
        } else {
            Err("refused".to_owned())
        }
    }
    #[observe(stream)]
    fn alias<'a>() -> Deltas<'a> {
        deltas().boxed()
    }
    #[observe(stream, transform = |delta: &Delta| delta.text)]
    async fn alias_of_result(ok: bool) -> Maybe<'static> {
        if ok {
            Ok(deltas().boxed())
        } else {
            Err("refused".to_owned())
        }
    }
    #[observe(capture_output = false)]
    fn no_output() -> impl Stream<Item = u8> {
        stream::iter([1])
    }
    let outline = observed_async(async {
        boxed(&1).count().await;
        pinned().count().await;
        later().await.count().await;
        in_result(true).await.unwrap().count().await;
        assert!(in_result(false).await.is_err());
        alias().count().await;
        alias_of_result(true).await.unwrap().count().await;
        assert!(alias_of_result(false).await.is_err());
        no_output().count().await;
    });
    assert_eq!(
        outline.await,
        "\
boxed [span] input={\"n\":1} output=[1,2]
pinned [span] output=[{\"text\":\"a\"},{\"text\":\"b\"}]
later [span] output=[{\"text\":\"a\"},{\"text\":\"b\"}]
in_result [span] input={\"ok\":true} output=[{\"text\":\"a\"},{\"text\":\"b\"}]
in_result [span] ERROR \"refused\" input={\"ok\":false}
alias [span] output=[{\"text\":\"a\"},{\"text\":\"b\"}]
alias_of_result [span] input={\"ok\":true} output=ab
alias_of_result [span] ERROR \"refused\" input={\"ok\":false}
no_output [span]
"
    );
}

#[tokio::test]
async fn an_item_that_is_an_error_is_the_error_of_the_stream() {
    #[observe]
    fn failing() -> impl Stream<Item = Result<&'static str, String>> {
        stream::iter([Ok("so "), Ok("far"), Err("cut off".to_owned())])
    }
    let outline = observed_async(async {
        failing().count().await;
    });
    assert_eq!(
        outline.await,
        "failing [span] ERROR \"cut off\" output=so far\n"
    );
}

#[tokio::test]
async fn a_stream_dropped_before_its_end_keeps_what_came() {
    let outline = observed_async(async {
        let mut stream = Box::pin(words("to be or"));
        assert_eq!(stream.next().await.as_deref(), Some("to "));
    });
    assert_eq!(
        outline.await,
        "words [generation] WARNING \"cancelled: the stream was dropped before its end\" \
         input={\"text\":\"to be or\"} output=to \n"
    );
}

#[tokio::test]
async fn a_stream_that_panics_is_an_error() {
    #[observe]
    fn exploding() -> impl Stream<Item = u8> + Unpin {
        stream::iter([1, 0]).map(|n| 1 / n)
    }
    let outline = observed_async(async {
        let task = tokio::spawn(async { exploding().count().await }.in_current_observation());
        assert!(task.await.is_err());
    });
    assert_eq!(
        outline.await,
        "exploding [span] ERROR \"panicked\" output=[1]\n"
    );
}

#[tokio::test]
async fn items_of_which_nothing_is_known_are_counted() {
    struct Frame;
    #[observe(name = "frames")]
    fn frames() -> impl Stream<Item = Frame> {
        stream::iter([Frame, Frame])
    }
    let outline = observed_async(async {
        frames().count().await;
    });
    let outline = outline.await;
    assert!(outline.ends_with("Frame; 2]\n"), "{outline}");
}

#[tokio::test]
async fn long_streams_are_bounded_and_off_records_nothing() {
    #[observe]
    fn numbers(n: usize) -> impl Stream<Item = usize> {
        stream::iter(0..n)
    }
    let preview = Project::new().await;
    numbers(10_000).count().observed(preview.root()).await;
    let begun_outside = preview.outline().await;
    assert_eq!(
        begun_outside, "root [span]\n",
        "a stream belongs where it was made"
    );

    async { numbers(10_000).count().await }
        .observed(preview.root())
        .await;
    let output = preview.find("numbers").await.output.unwrap();
    let list: Vec<serde_json::Value> = serde_json::from_str(&output).unwrap();
    assert!(output.len() < 1000, "{output}");
    assert!(list.last().unwrap().as_str().unwrap().ends_with(" items]"));

    let off = Project::with(|config| config.content(Content::Off)).await;
    async { numbers(3).count().await }
        .observed(off.root())
        .await;
    assert_eq!(off.outline().await, "root [span]\n└─ numbers [span]\n");
}
