//! A server is stopped in the middle of its requests, and no trace is lost.

use std::{
    convert::Infallible,
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _, future::poll_immediate, stream};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tokio::sync::oneshot;
use tower::{Layer as _, ServiceExt as _, service_fn};
use warmspan::{
    ObserveFuture as _, Sdk,
    http::{FLUSH, GRACE, Shutdown, TraceLayer},
    testkit::langfuse::{Fault, Langfuse},
};

use crate::{
    http_stage::{root, server},
    lambda_stage::LONG,
};

#[test]
fn grace_and_flush_fit_into_the_ten_seconds_of_cloud_run() {
    assert!(GRACE + FLUSH < Duration::from_secs(10));
}

#[tokio::test]
async fn a_server_that_ends_in_time_returns_what_it_returns_and_all_is_sent() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = server(&langfuse, &[]);
    sdk.span("before").end();
    let (stop, stopped) = oneshot::channel::<()>();
    let (signal, signalled) = oneshot::channel::<()>();
    let inside = sdk.clone();
    let server = async move {
        signal.send(()).unwrap();
        stopped.await.unwrap();
        inside.span("in the grace").end();
        7
    };
    let signal = async {
        signalled.await.unwrap();
        stop.send(()).unwrap();
    };
    let returned = shutdown(&sdk).run_until(signal, server).await;

    assert_eq!(returned, Some(7));
    assert_eq!(langfuse.observations().len(), 2);
    assert!(!sdk.is_enabled(), "it is shut down");
}

#[tokio::test]
async fn one_that_ends_by_itself_is_flushed_too() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = server(&langfuse, &[]);
    sdk.span("before").end();
    let server = async { "no port" };
    assert_eq!(
        shutdown(&sdk).run_until(pending(), server).await,
        Some("no port")
    );
    assert_eq!(langfuse.observations().len(), 1);
}

#[tokio::test]
async fn a_handler_that_is_not_done_is_cut_and_told_of() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = server(&langfuse, &[]);
    let inside = sdk.clone();
    let handler = service_fn(move |request: Request<Body>| {
        let work = inside.span("work");
        async move {
            request.into_body().collect().await.unwrap();
            pending::<()>().await;
            Ok::<_, Infallible>(Response::new(Body::empty()))
        }
        .observed(work)
    });
    let service = TraceLayer::with_sdk(sdk.clone()).layer(handler);
    let request = Request::new(Body::from("a question"));
    let request = tokio::spawn(async { drop(service.oneshot(request).await) });
    tokio::task::yield_now().await;

    let returned = stopped_now(&sdk).await;
    assert_eq!(returned, None);
    assert_eq!(
        langfuse.traces()[0].outline(),
        "chat [span] WARNING \"interrupted by the shutdown\"\n└─ work [span] WARNING \"cancelled: the future was dropped before it was done\"\n"
    );
    assert_eq!(root(&langfuse).input.as_deref(), Some("a question"));
    assert!(!request.is_finished(), "it got a response that nobody gave");
    request.abort();
}

#[tokio::test]
async fn a_stream_that_is_not_done_is_cut_after_what_has_flowed() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = server(&langfuse, &[]);
    let dropped = Arc::new(AtomicBool::new(false));
    let mut body = streaming(&sdk, &dropped).await;
    for _ in 0..2 {
        body.frame().await.unwrap().unwrap();
    }
    let reading = tokio::spawn(async move { body.frame().await.is_some() });
    tokio::task::yield_now().await;

    stopped_now(&sdk).await;
    let root = root(&langfuse);
    assert_eq!(root.level, "WARNING");
    assert_eq!(
        root.status_message.as_deref(),
        Some("interrupted by the shutdown")
    );
    assert_eq!(root.output.as_deref(), Some("a streamed "));
    assert!(dropped.load(Ordering::SeqCst), "the stream lives on");
    assert!(!reading.is_finished(), "it seemed to have ended");
    reading.abort();
}

#[tokio::test]
async fn one_whose_client_does_not_read_is_told_of_as_well() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = server(&langfuse, &[]);
    let mut unread = streaming(&sdk, &Arc::default()).await;
    unread.frame().await.unwrap().unwrap();

    stopped_now(&sdk).await;
    let root = root(&langfuse);
    assert_eq!(
        root.status_message.as_deref(),
        Some("interrupted by the shutdown")
    );
    assert_eq!(root.output.as_deref(), Some("a "));
}

#[tokio::test]
async fn an_error_that_came_before_stays_one() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = server(&langfuse, &[]);
    let body = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
    let mut response = Response::new(body);
    *response.status_mut() = http::StatusCode::BAD_GATEWAY;
    let mut response = Some(response);
    let handler = service_fn(move |_: Request<Body>| {
        let response = response.take().unwrap();
        async { Ok::<_, Infallible>(response) }
    });
    let service = TraceLayer::with_sdk(sdk.clone()).layer(handler);
    let open = service.oneshot(Request::new(Body::empty())).await.unwrap();

    stopped_now(&sdk).await;
    assert_eq!(
        langfuse.traces()[0].outline(),
        "chat [span] ERROR \"HTTP 502\"\n"
    );
    drop(open);
}

#[tokio::test]
async fn a_back_end_that_hangs_costs_the_flush_its_time_and_no_more() {
    let langfuse = Langfuse::start().await.unwrap();
    langfuse.answer(Fault::Hang);
    let sdk = server(&langfuse, &[]);
    sdk.span("work").end();
    let flush = Duration::from_millis(150);
    let begin = std::time::Instant::now();
    Shutdown::with_sdk(sdk.clone())
        .flush(flush)
        .run_until(pending(), async {})
        .await;
    let took = begin.elapsed();
    assert!(took >= flush && took < flush * 10, "{took:?}");
    assert_eq!(sdk.losses().abandoned(), 1);
}

#[tokio::test]
async fn requests_under_way_end_in_the_grace_as_ever() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = server(&langfuse, &[]);
    let (finish, finished) = oneshot::channel::<()>();
    let finished = finished.shared();
    let handler = service_fn(move |_: Request<Body>| {
        let finished = finished.clone();
        async {
            finished.await.unwrap();
            Ok::<_, Infallible>(Response::new(Body::from("an answer")))
        }
    });
    let service = TraceLayer::with_sdk(sdk.clone()).layer(handler);
    let mut request = Box::pin(service.oneshot(Request::new(Body::empty())));
    assert!(poll_immediate(&mut request).await.is_none());
    let server = async {
        let response = request.await.unwrap();
        response.into_body().collect().await.unwrap().to_bytes()
    };
    let signal = async { finish.send(()).unwrap() };
    let answer = shutdown(&sdk).run_until(signal, server).await;

    assert_eq!(answer.as_deref(), Some(&b"an answer"[..]));
    assert_eq!(langfuse.traces()[0].outline(), "chat [span]\n");
}

fn shutdown(sdk: &Sdk) -> Shutdown {
    Shutdown::with_sdk(sdk.clone()).grace(LONG).flush(LONG)
}

/// Stops a server that never ends, without any grace.
async fn stopped_now(sdk: &Sdk) -> Option<()> {
    let shutdown = shutdown(sdk).grace(Duration::ZERO);
    shutdown.run_until(std::future::ready(()), pending()).await
}

/// The body of a response that sends "a ", "streamed " and nothing more, and tells when the stream
/// is dropped.
async fn streaming(
    sdk: &Sdk,
    dropped: &Arc<AtomicBool>,
) -> impl http_body::Body<Data = Bytes, Error: std::fmt::Debug> + Send + Unpin + 'static {
    struct Tells(Arc<AtomicBool>);
    impl Drop for Tells {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let tells = Tells(Arc::clone(dropped));
    let pieces = stream::iter(["a ", "streamed "].map(Ok::<_, Infallible>));
    let pieces = pieces.chain(stream::pending()).inspect(move |_| {
        let _ = &tells;
    });
    let mut body = Some(Body::from_stream(pieces));
    let handler = service_fn(move |_: Request<Body>| {
        let body = body.take().unwrap();
        async { Ok::<_, Infallible>(Response::new(body)) }
    });
    let service = TraceLayer::with_sdk(sdk.clone()).layer(handler);
    let response = service.oneshot(Request::new(Body::empty())).await.unwrap();
    response.into_body()
}
