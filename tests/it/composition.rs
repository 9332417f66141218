//! One tree with an application's own OpenTelemetry spans: what is sent of them, and what is not.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use opentelemetry::{
    Array, Context, KeyValue, Value,
    trace::{
        Span as _, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags,
        TraceId, TraceState, Tracer as _, TracerProvider as _,
    },
};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{Sampler, SdkTracer, SdkTracerProvider, Span, SpanData, SpanProcessor},
};
use warmspan::{
    Config, Content, Observation, ObserveFuture as _, Sdk, TraceAttributes, Usage,
    composition::LlmSpanProcessor,
    propagate_attributes,
    testkit::langfuse::{Langfuse, Observation as Received},
};

pub(crate) const BUDGET: Duration = Duration::from_secs(5);

/// An application with tracing of its own, beside or around an SDK.
pub(crate) struct Stage {
    pub(crate) langfuse: Langfuse,
    pub(crate) sdk: Sdk,
    pub(crate) tracer: SdkTracer,
    pub(crate) provider: SdkTracerProvider,
    /// What the application's own back-end got.
    theirs: Ended,
}

#[derive(Clone, Debug, Default)]
struct Ended(Arc<Mutex<Vec<SpanData>>>);

impl SpanProcessor for Ended {
    fn on_start(&self, _: &mut Span, _: &Context) {}
    fn on_end(&self, span: SpanData) {
        self.0.lock().unwrap().push(span);
    }
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }
    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Runs `body` inside of `span`.
pub(crate) fn within<R>(span: Span, body: impl FnOnce() -> R) -> R {
    let _inside = Context::current_with_span(span).attach();
    body()
}

impl Stage {
    pub(crate) async fn composed() -> Self {
        Self::with(|config| config, |sdk| Some(sdk.span_processor())).await
    }

    pub(crate) async fn sampled_by(sampler: Sampler) -> Self {
        Self::of(
            |config| config,
            |sdk| Some(sdk.span_processor()),
            Some(sampler),
        )
        .await
    }

    pub(crate) async fn with(
        change: impl FnOnce(Config) -> Config,
        processor: impl FnOnce(&Sdk) -> Option<LlmSpanProcessor>,
    ) -> Self {
        Self::of(change, processor, None).await
    }

    async fn of(
        change: impl FnOnce(Config) -> Config,
        processor: impl FnOnce(&Sdk) -> Option<LlmSpanProcessor>,
        sampler: Option<Sampler>,
    ) -> Self {
        let langfuse = Langfuse::start().await.unwrap();
        let sdk = Sdk::new(change(langfuse.config()));
        let theirs = Ended::default();
        let mut builder = SdkTracerProvider::builder().with_span_processor(theirs.clone());
        if let Some(processor) = processor(&sdk) {
            builder = builder.with_span_processor(processor);
        }
        if let Some(sampler) = sampler {
            builder = builder.with_sampler(sampler);
        }
        let provider = builder.build();
        let tracer = provider.tracer("application");
        Self {
            langfuse,
            sdk,
            tracer,
            provider,
            theirs,
        }
    }

    /// Runs `body` inside of a span of the application.
    async fn inside<R>(&self, name: &'static str, body: impl Future<Output = R>) -> R {
        use opentelemetry::trace::FutureExt as _;
        let context = Context::current_with_span(self.tracer.start(name));
        body.with_context(context).await
    }

    fn chat(&self, attributes: impl IntoIterator<Item = KeyValue>) {
        let mut span = self.tracer.start("chat gpt-5");
        span.set_attribute(KeyValue::new("gen_ai.operation.name", "chat"));
        span.set_attributes(attributes);
    }

    /// A span that says at its start what it is.
    pub(crate) fn llm(&self, name: &'static str, operation: &'static str) -> Span {
        let said = [KeyValue::new("gen_ai.operation.name", operation)];
        let builder = self.tracer.span_builder(name).with_attributes(said);
        builder.start(&self.tracer)
    }

    /// What the application's own back-end got.
    pub(crate) fn theirs(&self) -> Vec<SpanData> {
        self.theirs.0.lock().unwrap().clone()
    }

    pub(crate) async fn outline(&self) -> String {
        assert!(self.sdk.force_flush(BUDGET).await.is_complete());
        let traces = self.langfuse.traces();
        let outlines = traces.iter().map(warmspan::testkit::tree::Trace::outline);
        outlines.collect::<Vec<_>>().join("--\n")
    }

    async fn observation(&self, name: &str) -> Received {
        assert!(self.sdk.force_flush(BUDGET).await.is_complete());
        let mut all = self.langfuse.observations().into_iter();
        all.find(|observation| observation.name == name).unwrap()
    }
}

#[tokio::test]
async fn observations_and_llm_spans_share_a_tree_with_what_is_between_them() {
    let stage = Stage::composed().await;
    stage
        .inside("GET /chat", async {
            let answer = stage.sdk.span("answer");
            async {
                stage
                    .inside("retrieve", async {
                        stage.inside("SELECT", async {}).await;
                        stage.inside("embed", async { stage.chat([]) }).await;
                    })
                    .await;
                stage
                    .inside("call", async { stage.sdk.generation("model").end() })
                    .await;
                stage.inside("unrelated", async {}).await;
            }
            .in_observation(&answer)
            .await;
            answer.end();
        })
        .await;
    assert_eq!(
        stage.outline().await,
        "answer [span]\n\
         ├─ retrieve [span]\n\
         │  └─ embed [span]\n\
         │     └─ chat gpt-5 [generation]\n\
         └─ call [span]\n\
         \x20  └─ model [generation]\n"
    );
    let theirs = stage.theirs.0.lock().unwrap();
    let trace = theirs[0].span_context.trace_id();
    assert_eq!(
        theirs.len(),
        7,
        "their back-end has their spans and no others"
    );
    assert!(
        theirs
            .iter()
            .all(|span| span.span_context.trace_id() == trace)
    );
}

#[tokio::test]
async fn the_first_of_what_is_sent_is_the_root() {
    let stage = Stage::composed().await;
    stage
        .inside("GET /", async {
            stage.sdk.span("answer").end();
            stage.chat([]);
        })
        .await;
    for root in ["answer", "chat gpt-5"] {
        let root = stage.observation(root).await;
        assert_eq!(root.bool("langfuse.internal.is_app_root"), Some(true));
    }
    let child = stage.sdk.span("agent");
    child.in_scope(|| stage.chat([]));
    child.end();
    let chat = stage.sdk.force_flush(BUDGET).await;
    assert!(chat.is_complete());
    let inside = stage.langfuse.observations();
    let inside = inside
        .iter()
        .find(|span| span.parent_span_id == Some(child.id().to_string()))
        .unwrap();
    assert_eq!(inside.bool("langfuse.internal.is_app_root"), None);
}

#[tokio::test]
async fn spans_carry_the_trace_attributes_of_where_they_began() {
    let stage = Stage::with(
        |config| config.environment("staging"),
        |sdk| Some(sdk.span_processor()),
    )
    .await;
    propagate_attributes(
        TraceAttributes::new().user_id("ada").session_id("s-1"),
        async {
            let agent = stage.sdk.span("agent");
            async { stage.inside("step", async { stage.chat([]) }).await }
                .in_observation(&agent)
                .await;
        },
    )
    .await;
    for name in ["agent", "step", "chat gpt-5"] {
        let span = stage.observation(name).await;
        let said = (
            span.text("user.id"),
            span.text("session.id"),
            span.text("langfuse.environment"),
        );
        assert_eq!(said, (Some("ada"), Some("s-1"), Some("staging")), "{name}");
    }
    let theirs = stage.theirs.0.lock().unwrap();
    assert!(
        theirs.iter().all(|span| span
            .attributes
            .iter()
            .all(|known| known.key.as_str() != "user.id")),
        "their back-end is told nothing of it"
    );
}

#[tokio::test]
async fn of_a_span_in_between_only_name_times_and_status_leave() {
    let stage = Stage::composed().await;
    let agent = stage.sdk.span("agent");
    agent.in_scope(|| {
        let mut step = stage.tracer.start("step");
        step.set_attribute(KeyValue::new("db.statement", "SELECT private"));
        step.add_event("private", vec![KeyValue::new("body", "private")]);
        step.set_status(Status::error("wrong key sk-lf-0123456789abcdef"));
        let context = Context::current_with_span(step);
        let _inside = context.clone().attach();
        stage.chat([]);
        context.span().end();
    });
    agent.end();
    let step = stage.observation("step").await;
    assert_eq!(step.level, "ERROR");
    assert_eq!(step.status_message.as_deref(), Some("wrong key [redacted]"));
    assert!(!stage.langfuse.contains("private"));
}

/// What instrumentations say, under keys that nobody foresees, and where keys hide.
fn talk(stage: &Stage) {
    let mut span = stage
        .tracer
        .span_builder("chat Bearer sk-lf-0123456789abcdef")
        .with_attributes([KeyValue::new("gen_ai.operation.name", "chat")])
        .start(&stage.tracer);
    for key in [
        "gen_ai.prompt.0.content",
        "ai.response.text",
        "ai.toolCall.args",
        "audio.transcript",
        "embedding.embeddings.0.embedding.text",
        "gen_ai.assistant.tool_calls",
        "llm.function_call",
        "question",
    ] {
        let text = format!(
            "said: ada@example.com, sk-lf-0123456789abcdef {}",
            "x".repeat(900)
        );
        span.set_attribute(KeyValue::new(key, text));
    }
    let vector = Value::Array(Array::F64(vec![0.125; 3]));
    span.set_attribute(KeyValue::new("embedding.vector", vector));
    span.set_attribute(KeyValue::new("gen_ai.request.model", "gpt-5"));
    span.add_event(
        "gen_ai.assistant.message",
        vec![KeyValue::new("tool_calls", "said")],
    );
    span.add_event("said", vec![]);
    let other = SpanContext::new(
        TraceId::from(1),
        SpanId::from(1),
        TraceFlags::SAMPLED,
        false,
        TraceState::NONE,
    );
    span.add_link(other, vec![KeyValue::new("prompt", "linked")]);
}

#[tokio::test]
async fn what_llm_spans_say_obeys_the_settings() {
    let with = async |change: fn(Config) -> Config| {
        let stage = Stage::with(change, |sdk| Some(sdk.span_processor())).await;
        talk(&stage);
        assert!(stage.sdk.force_flush(BUDGET).await.is_complete());
        let span = stage.langfuse.observations().remove(0);
        assert_eq!(span.name, "chat Bearer [redacted]");
        assert_eq!(span.text("gen_ai.request.model"), Some("gpt-5"));
        let never = ["ada@example.com", "sk-lf-0123456789abcdef", "linked"];
        assert!(never.iter().all(|secret| !stage.langfuse.contains(secret)));
        assert!(span.attributes.keys().all(|key| key != "embedding.vector"));
        stage.langfuse
    };
    let preview = with(|config| config).await;
    assert!(preview.contains("said: [email], [redacted] xxx"));
    assert!(!preview.contains("x".repeat(501)));
    let full = with(|config| config.content(Content::Full)).await;
    assert!(full.contains("x".repeat(900)));
    let off = with(|config| config.content(Content::Off)).await;
    assert!(!off.contains("said"));
    let masked = with(|config| config.mask(|_, text| text.replace("xxx", "-"))).await;
    assert!(!masked.contains("xxx"));
}

#[tokio::test]
async fn the_program_may_choose_and_its_panic_costs_one_span() {
    let choose = |span: &SpanData| {
        assert_ne!(span.name, "broken");
        span.span_kind == SpanKind::Client
    };
    let stage = Stage::with(
        |config| config,
        |sdk| Some(sdk.span_processor().should_export(choose)),
    )
    .await;
    stage.tracer.start("broken").end();
    stage.chat([]);
    stage
        .tracer
        .span_builder("search")
        .with_kind(SpanKind::Client)
        .start(&stage.tracer)
        .end();
    assert_eq!(stage.outline().await, "search [span]\n");
    assert_eq!(stage.theirs.0.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn without_composition_neither_sees_the_other() {
    let stage = Stage::with(|config| config, |_| None).await;
    stage
        .inside("GET /", async {
            let answer = stage.sdk.span("answer");
            answer.in_scope(|| {
                stage.chat([]);
                stage.sdk.generation("model").end();
            });
        })
        .await;
    assert_eq!(
        stage.outline().await,
        "answer [span]\n└─ model [generation]\n"
    );
    let ours = stage.observation("answer").await;
    let theirs = stage.theirs.0.lock().unwrap();
    let [chat, request] = &theirs[..] else {
        panic!("{theirs:?}")
    };
    assert_eq!(chat.parent_span_id, request.span_context.span_id());
    assert_ne!(request.span_context.trace_id().to_string(), ours.trace_id);
}

#[tokio::test]
async fn a_span_inside_of_one_projects_trace_goes_to_that_project_only() {
    let (one, other) = (
        Langfuse::start().await.unwrap(),
        Langfuse::start().await.unwrap(),
    );
    let (first, second) = (Sdk::new(one.config()), Sdk::new(other.config()));
    let provider = SdkTracerProvider::builder()
        .with_span_processor(first.span_processor())
        .with_span_processor(second.span_processor())
        .build();
    let tracer = provider.tracer("openinference.instrumentation.x");
    second
        .span("second's")
        .in_scope(|| tracer.start("inside").end());
    for sdk in [&first, &second] {
        assert!(sdk.force_flush(BUDGET).await.is_complete());
    }
    assert_eq!(
        (one.observations().len(), other.observations().len()),
        (0, 2)
    );
}

#[tokio::test]
async fn a_processor_given_twice_sends_once() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = Sdk::new(langfuse.config());
    let provider = SdkTracerProvider::builder()
        .with_span_processor(sdk.span_processor())
        .with_span_processor(sdk.span_processor())
        .build();
    provider.tracer("litellm").start("call").end();
    assert!(sdk.force_flush(BUDGET).await.is_complete());
    assert_eq!(langfuse.observations().len(), 1);
}

#[tokio::test]
async fn sampling_holds_for_the_applications_spans_too() {
    let stage = Stage::with(
        |config| config.sample_rate(0.0),
        |sdk| Some(sdk.span_processor()),
    )
    .await;
    stage.chat([]);
    let outside = stage.sdk.span("outside");
    outside.in_scope(|| stage.chat([]));
    drop(outside);
    assert_eq!(stage.outline().await, "");
}

#[tokio::test(flavor = "current_thread")]
async fn the_providers_own_flush_and_shutdown_send_and_leave_the_sdk_on() {
    let stage = Stage::composed().await;
    stage.chat([]);
    tokio::task::spawn_blocking({
        let provider = stage.provider.clone();
        move || provider.force_flush().unwrap()
    })
    .await
    .unwrap();
    assert_eq!(
        (
            stage.sdk.pending_spans(),
            stage.langfuse.observations().len()
        ),
        (0, 1)
    );
    stage.provider.shutdown().unwrap();
    stage.sdk.span("later").end();
    assert_eq!(stage.sdk.pending_spans(), 1);
}

#[tokio::test]
async fn a_parent_that_is_said_is_the_parent() {
    let stage = Stage::composed().await;
    let said = stage.sdk.span("said");
    stage
        .inside("GET /", async {
            said.observation("child").start().end();
            stage.sdk.observation("own").root().start().end();
        })
        .await;
    said.end();
    assert_eq!(
        stage.outline().await,
        "said [span]\n└─ child [span]\n--\nown [span]\n"
    );
}

#[tokio::test]
async fn a_wrapper_around_a_model_call_of_ours_counts_no_tokens_again() {
    let stage = Stage::composed().await;
    stage
        .inside("GET /", async {
            let mut chat = stage.llm("chat", "chat");
            chat.set_attribute(KeyValue::new("gen_ai.usage.input_tokens", 7));
            let _inside = Context::current_with_span(chat).attach();
            stage
                .sdk
                .generation("POST")
                .usage(Usage::new().input(7))
                .end();
        })
        .await;
    let wrapper = stage.observation("chat").await;
    let model = stage.observation("POST").await;
    assert_eq!(model.parent_span_id, Some(wrapper.span_id));
    assert_eq!(wrapper.as_type, "span");
}

/// `tracing` spans come by way of a layer.
mod layer {
    use super::*;
    use tracing_subscriber::layer::SubscriberExt as _;

    #[tokio::test]
    async fn tracing_spans_are_in_the_tree() {
        let langfuse = Langfuse::start().await.unwrap();
        let sdk = Sdk::new(langfuse.config());
        let subscriber = tracing_subscriber::registry().with(sdk.tracing_layer());
        tracing::subscriber::with_default(subscriber, || {
            let request = tracing::info_span!("request", path = "/private");
            request.in_scope(|| {
                let agent = sdk.span("agent");
                agent.in_scope(|| {
                    tracing::info_span!("step", secret = "private").in_scope(|| {
                        let chat = tracing::info_span!(
                            "chat",
                            gen_ai.operation.name = "chat",
                            gen_ai.request.model = "gpt-5"
                        );
                        chat.in_scope(|| tracing::info!("answered"));
                        tracing::info_span!("sql").in_scope(|| ());
                        assert_eq!(Observation::current().unwrap().id(), agent.id());
                        sdk.tool("search").end();
                    });
                });
            });
        });
        assert!(sdk.force_flush(BUDGET).await.is_complete());
        let outlines = langfuse.traces();
        assert_eq!(outlines.len(), 1);
        assert_eq!(
            outlines[0].outline(),
            "agent [span]\n└─ step [span]\n   ├─ chat [generation]\n   └─ search [tool]\n"
        );
        assert!(!langfuse.contains("private"));
    }

    #[tokio::test]
    async fn of_a_disabled_sdk_it_does_nothing() {
        let sdk = Sdk::disabled();
        let subscriber = tracing_subscriber::registry().with(sdk.tracing_layer());
        tracing::subscriber::with_default(subscriber, || {
            tracing::info_span!("chat", gen_ai.system = "openai")
                .in_scope(|| assert!(Observation::current().is_none()));
        });
    }
}
