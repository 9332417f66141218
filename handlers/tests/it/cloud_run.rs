//! The function on Cloud Run: it answers, and stopped in the middle of its requests it loses no
//! trace.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::net::TcpListener;

use crate::{
    server::{Reply, Server},
    surroundings::{LONG, Surroundings},
};

const SERVICE: &[(&str, &str)] = &[
    ("K_SERVICE", "chat"),
    ("K_REVISION", "chat-00007-abc"),
    ("K_CONFIGURATION", "chat"),
];

/// What the platform leaves between SIGTERM and SIGKILL.
const UNTIL_KILLED: Duration = Duration::from_secs(10);

#[tokio::test]
async fn it_answers_in_one_piece_and_in_many_and_the_trace_is_there_before_the_end() {
    let surroundings = Surroundings::start().await;
    let server = Server::start(&surroundings, SERVICE).await;
    let whole = server.ask("/chat", "Why?").await.rest().await;
    assert!(whole.starts_with("HTTP/1.1 200 OK\r\n"), "{whole}");
    assert!(whole.contains("You asked: "), "{whole}");
    assert_eq!(surroundings.langfuse.traces().len(), 1);
    let streamed = server.ask("/chat/stream", "Why?").await.rest().await;
    assert!(streamed.ends_with("\r\n0\r\n\r\n"), "{streamed}");

    let attributes = ["faas.coldstart", "faas.version", "cloud.platform"];
    let outline = |cold| {
        format!(
            "chat [span] faas.coldstart={cold} faas.version=chat-00007-abc cloud.platform=gcp_cloud_run\n\
             └─ answer [chain]\n   └─ chat gpt-5-mini [generation]\n"
        )
    };
    assert_eq!(
        surroundings.outlines(&attributes),
        [outline(true), outline(false)]
    );
    for trace in surroundings.langfuse.traces() {
        let root = trace.root().unwrap();
        assert_eq!(root.input.as_deref(), Some(r#"{"question":"Why?"}"#));
        assert!(root.output.as_ref().unwrap().contains("You asked: "));
    }
    assert!(!surroundings.langfuse.contains("hush"));
}

#[tokio::test]
async fn what_is_no_question_is_refused_and_traced() {
    let surroundings = Surroundings::start().await;
    let server = Server::start(&surroundings, SERVICE).await;
    let reply = server.ask("/nowhere", "Why?").await.rest().await;
    assert!(reply.starts_with("HTTP/1.1 404 "), "{reply}");
    assert_eq!(
        surroundings.outlines(&["http.response.status_code"]),
        ["chat [span] http.response.status_code=404\n"]
    );
}

#[tokio::test]
async fn stopped_in_the_middle_of_fifty_streams_it_ends_them_all_and_loses_no_trace() {
    let surroundings = Surroundings::start().await;
    // Each answer stops after its first word until the test says go.
    surroundings.openai.hold_streams(2);
    let mut server = Server::start(&surroundings, SERVICE).await;
    let mut replies = join_all((0..50).map(async |number| {
        let question = format!("What is number {number} of fifty?");
        let mut reply = server.ask("/chat/stream", &question).await;
        reply.until("You").await;
        reply
    }))
    .await;
    assert!(
        surroundings.langfuse.traces().is_empty(),
        "some have ended already"
    );
    server.terminate().await;
    let stopped = Instant::now();
    server.takes_nobody_in().await;
    assert!(
        surroundings.langfuse.traces().is_empty(),
        "some ended before the signal was heeded"
    );
    surroundings.openai.release_streams();

    let answers = join_all(replies.drain(..).map(Reply::rest)).await;
    for (number, answer) in answers.iter().enumerate() {
        assert!(answer.ends_with("\r\n0\r\n\r\n"), "{number}: {answer}");
    }
    let status = server.ended(UNTIL_KILLED).await;
    assert!(status.success(), "{status}");
    assert!(stopped.elapsed() < UNTIL_KILLED);

    let outlines = surroundings.outlines(&[]);
    assert_eq!(outlines.len(), 50);
    for outline in outlines {
        assert_eq!(
            outline,
            "chat [span]\n└─ answer [chain]\n   └─ chat gpt-5-mini [generation]\n"
        );
    }
    let mut questions: Vec<_> = surroundings
        .langfuse
        .traces()
        .iter()
        .map(|trace| trace.root().unwrap().input.clone().unwrap())
        .collect();
    questions.sort();
    questions.dedup();
    assert_eq!(questions.len(), 50, "each has its own question");
}

#[tokio::test]
async fn streams_that_do_not_end_are_cut_in_time_and_told_of() {
    let surroundings = Surroundings::start().await;
    // The model never says a word.
    surroundings.openai.pace(LONG * 100);
    let mut server = Server::start(&surroundings, SERVICE).await;
    let mut replies = join_all((0..50).map(async |number| {
        let question = format!("What is number {number} of fifty?");
        let mut reply = server.ask("/chat/stream", &question).await;
        reply.until("\r\n\r\n").await;
        reply
    }))
    .await;
    server.terminate().await;
    let stopped = Instant::now();
    let status = server.ended(UNTIL_KILLED).await;

    assert!(status.success(), "{status}");
    assert!(stopped.elapsed() < UNTIL_KILLED, "{:?}", stopped.elapsed());
    for reply in replies.drain(..) {
        let answer = reply.rest().await;
        assert!(!answer.ends_with("0\r\n\r\n"), "it seems whole: {answer}");
    }
    let outlines = surroundings.outlines(&[]);
    assert_eq!(outlines.len(), 50);
    for outline in outlines {
        let lines: Vec<_> = outline.lines().collect();
        assert_eq!(lines.len(), 3, "{outline}");
        assert_eq!(
            lines[0],
            "chat [span] WARNING \"interrupted by the shutdown\""
        );
    }
}

#[tokio::test]
async fn as_a_custom_handler_of_azure_it_listens_where_the_host_says() {
    let surroundings = Surroundings::start().await;
    // In a container the host itself listens there.
    let of_the_host = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = of_the_host.local_addr().unwrap().port().to_string();
    let mut server = Server::start_on(
        "FUNCTIONS_CUSTOMHANDLER_PORT",
        &surroundings,
        &[
            ("PORT", &port),
            ("WEBSITE_SITE_NAME", "chat"),
            ("REGION_NAME", "West Europe"),
        ],
    )
    .await;
    let whole = server.ask("/chat", "Why?").await.rest().await;
    assert!(whole.contains("You asked: "), "{whole}");
    assert_eq!(
        surroundings.outlines(&["cloud.platform", "cloud.region"])[0]
            .lines()
            .next(),
        Some("chat [span] cloud.platform=azure.functions cloud.region=West Europe")
    );
    server.terminate().await;
    assert!(server.ended(UNTIL_KILLED).await.success());
}
