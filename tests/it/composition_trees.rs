//! Parents, roots and tokens where an application's spans and observations share a tree.

use std::{sync::mpsc, time::Duration};

use opentelemetry::{
    Context, KeyValue,
    trace::{SpanContext, SpanId, TraceContextExt as _, TraceId, Tracer as _, TracerProvider as _},
};
use opentelemetry_sdk::trace::{IdGenerator, Sampler, SdkTracerProvider};
use tracing_subscriber::layer::SubscriberExt as _;
use warmspan::{
    Config, Credentials, ObservationType, Sdk, Usage,
    testkit::langfuse::{Langfuse, Observation as Received},
};

use crate::composition::{BUDGET, Stage, within};

async fn received(stage: &Stage) -> Vec<Received> {
    assert!(stage.sdk.force_flush(BUDGET).await.is_complete());
    stage.langfuse.observations()
}

fn named<'a>(all: &'a [Received], name: &str) -> &'a Received {
    all.iter().find(|one| one.name == name).unwrap()
}

fn tokens(observation: &Received) -> Option<&str> {
    observation.text("langfuse.observation.usage_details")
}

#[tokio::test]
async fn the_root_of_what_is_sent_has_no_parent() {
    let stage = Stage::composed().await;
    within(stage.tracer.start("Lambda runtime invoke"), || {
        stage.sdk.span("answer").end();
        drop(stage.llm("chat", "chat"));
    });
    let all = received(&stage).await;
    let trace = stage.theirs()[0].span_context.trace_id().to_string();
    for root in ["answer", "chat"] {
        let root = named(&all, root);
        assert_eq!(root.parent_span_id, None);
        assert_eq!(root.bool("langfuse.internal.is_app_root"), Some(true));
        assert_eq!(root.trace_id, trace, "but the trace is theirs");
    }
}

#[tokio::test]
async fn what_hangs_from_a_span_that_is_not_there_hangs_from_the_observation() {
    let dropped = Stage::sampled_by(Sampler::AlwaysOff).await;
    let ended = Stage::composed().await;
    for stage in [dropped, ended] {
        let answer = stage.sdk.span("answer");
        answer.in_scope(|| {
            let step = Context::current_with_span(stage.tracer.start("step"));
            step.span().end();
            let _inside = step.attach();
            stage.sdk.generation("model").end();
        });
        answer.end();
        let outline = stage.outline().await;
        assert_eq!(outline, "answer [span]\n└─ model [generation]\n");
    }
}

#[tokio::test]
async fn what_is_between_two_spans_about_llms_is_sent_too() {
    let stage = Stage::composed().await;
    within(stage.llm("agent", "invoke_agent"), || {
        within(stage.tracer.start("step"), || {
            drop(stage.llm("chat", "chat"));
        });
    });
    assert_eq!(
        stage.outline().await,
        "agent [agent]\n└─ step [span]\n   └─ chat [generation]\n"
    );
}

#[tokio::test]
async fn tokens_are_counted_once_whoever_is_around_whom() {
    let stage = Stage::composed().await;
    let seven = || Usage::new().input(7);
    let their_seven = KeyValue::new("gen_ai.usage.input_tokens", 7);
    // Theirs around ours, with an observation in between; entered, and given as the parent.
    let mut theirs = stage.llm("theirs", "chat");
    opentelemetry::trace::Span::set_attribute(&mut theirs, their_seven.clone());
    within(theirs, || {
        let step = stage.sdk.span("step");
        step.in_scope(|| _ = stage.sdk.generation("inner").usage(seven()));
        let said = step
            .observation("said")
            .as_type(ObservationType::Generation);
        said.start().usage(seven()).end();
    });
    // Ours around theirs.
    let ours = stage.sdk.generation("ours");
    ours.in_scope(|| {
        let mut inside = stage.llm("inside", "chat");
        opentelemetry::trace::Span::set_attribute(&mut inside, their_seven);
    });
    ours.usage(seven()).end();

    let all = received(&stage).await;
    assert_eq!(named(&all, "theirs").as_type, "span");
    assert_eq!(tokens(named(&all, "theirs")), Some(r#"{"total":0}"#));
    assert_eq!(tokens(named(&all, "inner")), Some(r#"{"input":7}"#));
    assert_eq!(tokens(named(&all, "said")), Some(r#"{"input":7}"#));
    assert_eq!(tokens(named(&all, "ours")), Some(r#"{"total":0}"#));
    assert_eq!(tokens(named(&all, "inside")), Some(r#"{"input":7}"#));
}

#[tokio::test]
async fn a_wrapper_of_another_convention_is_none_either() {
    let stage = Stage::composed().await;
    let tracer = stage.provider.tracer("openinference.instrumentation.x");
    let said = [
        KeyValue::new("openinference.span.kind", "LLM"),
        KeyValue::new("llm.model_name", "gpt-5"),
        KeyValue::new("llm.token_count.prompt", 7),
    ];
    let wrapper = tracer
        .span_builder("LLM")
        .with_attributes(said)
        .start(&tracer);
    within(wrapper, || {
        _ = stage.sdk.generation("POST").usage(Usage::new().input(7));
    });
    let all = received(&stage).await;
    let wrapper = named(&all, "LLM");
    assert_eq!(
        (&*wrapper.as_type, tokens(wrapper)),
        ("span", Some(r#"{"total":0}"#))
    );
}

#[tokio::test]
async fn an_observation_of_another_sdk_is_no_parent() {
    let langfuse = (
        Langfuse::start().await.unwrap(),
        Langfuse::start().await.unwrap(),
    );
    let (first, second) = (Sdk::new(langfuse.0.config()), Sdk::new(langfuse.1.config()));
    let _composed = (first.span_processor(), second.span_processor());
    let outer = first.span("first's");
    let inner = outer.in_scope(|| second.span("second's"));
    assert_ne!(outer.trace_id(), inner.trace_id());
    inner.end();
    assert!(second.force_flush(BUDGET).await.is_complete());
    assert_eq!(langfuse.1.observations()[0].parent_span_id, None);
}

#[tokio::test]
async fn whose_sampler_decides_about_whose_spans() {
    let parent_based = |root| Sampler::ParentBased(Box::new(root));
    // Langfuse's says no: theirs go where they went before.
    let stage = Stage::with(
        |config| config.sample_rate(0.0),
        |sdk| Some(sdk.span_processor()),
    )
    .await;
    let answer = || {
        stage
            .sdk
            .span("answer")
            .in_scope(|| drop(stage.tracer.start("SELECT")));
    };
    within(stage.tracer.start("GET /"), answer);
    assert_eq!(stage.theirs().len(), 2);
    // Theirs says no: an observation around does not switch them on.
    let stage = Stage::sampled_by(parent_based(Sampler::AlwaysOff)).await;
    let answer = || {
        stage
            .sdk
            .span("answer")
            .in_scope(|| drop(stage.tracer.start("SELECT")));
    };
    within(stage.tracer.start("GET /"), answer);
    assert_eq!(stage.theirs().len(), 0);
    assert_eq!(stage.outline().await, "answer [span]\n");
}

#[tokio::test]
async fn spans_that_are_open_at_the_shutdown_are_counted() {
    let stage = Stage::composed().await;
    let open = (stage.llm("chat", "chat"), stage.sdk.span("ours"));
    assert!(stage.sdk.shutdown(BUDGET).await.is_complete());
    drop(open);
    assert_eq!(stage.sdk.losses().abandoned(), 2);
}

#[tokio::test]
async fn ids_that_repeat_hang_nothing() {
    #[derive(Debug)]
    struct Same;
    impl IdGenerator for Same {
        fn new_trace_id(&self) -> TraceId {
            TraceId::from(7)
        }
        fn new_span_id(&self) -> SpanId {
            SpanId::from(7)
        }
    }
    let sdk = Sdk::new(Langfuse::start().await.unwrap().config());
    let provider = SdkTracerProvider::builder()
        .with_id_generator(Same)
        .with_span_processor(sdk.span_processor())
        .build();
    let tracer = provider.tracer("application");
    let (done, is_done) = mpsc::channel();
    std::thread::spawn(move || {
        let _a = Context::current_with_span(tracer.start("a")).attach();
        let _b = Context::current_with_span(tracer.start("b")).attach();
        sdk.generation("model").end();
        done.send(()).unwrap();
    });
    is_done.recv_timeout(Duration::from_secs(10)).unwrap();
}

#[tokio::test]
async fn a_choice_that_asks_for_its_span_does_not_wait_for_itself() {
    let sdk = Sdk::new(Langfuse::start().await.unwrap().config());
    let processor = sdk.span_processor().should_export(|_| {
        tracing::Span::current().record("chosen", true);
        true
    });
    let subscriber = tracing_subscriber::registry().with(processor.tracing_layer());
    let (done, is_done) = mpsc::channel();
    std::thread::spawn(move || {
        tracing::subscriber::with_default(subscriber, || {
            let outer = tracing::info_span!("outer", chosen = tracing::field::Empty);
            outer.in_scope(|| tracing::info_span!("inner").in_scope(|| ()));
        });
        done.send(()).unwrap();
    });
    is_done.recv_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!(sdk.pending_spans(), 2);
}

#[tokio::test]
async fn a_subscriber_that_is_dropped_waits_for_nobody() {
    // Nobody answers there, and nobody would within a minute.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = Config::new()
        .credentials(Credentials::new("pk-lf-1", "sk-lf-1"))
        .base_url(format!("http://{}", listener.local_addr().unwrap()))
        .timeout(Duration::from_secs(60));
    let sdk = Sdk::new(config);
    let subscriber = tracing_subscriber::registry().with(sdk.tracing_layer());
    let (done, is_done) = mpsc::channel();
    std::thread::spawn(move || {
        tracing::subscriber::with_default(subscriber, || {
            drop(tracing::info_span!("chat", gen_ai.operation.name = "chat"));
        });
        done.send(()).unwrap();
    });
    is_done.recv_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!(sdk.pending_spans(), 1, "the SDK has it still");
}

#[tokio::test]
async fn a_span_that_lives_long_collects_no_more_than_some_events() {
    let sdk = Sdk::new(Langfuse::start().await.unwrap().config());
    let subscriber = tracing_subscriber::registry().with(sdk.tracing_layer());
    tracing::subscriber::with_default(subscriber, || {
        let worker = tracing::info_span!("worker", gen_ai.operation.name = "invoke_agent");
        worker.in_scope(|| {
            (0..5_000).for_each(|number| tracing::trace!(number, "{}", "x".repeat(3000)));
        });
    });
    assert_eq!((sdk.pending_spans(), sdk.losses().total()), (1, 0));
}

#[tokio::test]
async fn a_remote_parent_that_another_process_claims_stays_the_parent() {
    use opentelemetry::baggage::BaggageExt as _;
    let stage = Stage::composed().await;
    let remote = SpanContext::new(
        TraceId::from(77),
        SpanId::from(7),
        opentelemetry::trace::TraceFlags::SAMPLED,
        true,
        opentelemetry::trace::TraceState::NONE,
    );
    let claim = KeyValue::new("langfuse_trace_id", TraceId::from(77).to_string());
    let context = Context::new()
        .with_remote_span_context(remote)
        .with_baggage([claim]);
    let attached = context.attach();
    drop(stage.llm("chat", "chat"));
    drop(attached);
    let all = received(&stage).await;
    let chat = named(&all, "chat");
    assert_eq!(chat.parent_span_id.as_deref(), Some("0000000000000007"));
    assert_eq!(chat.bool("langfuse.internal.is_app_root"), None);
}
