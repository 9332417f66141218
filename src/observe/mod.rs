//! The attribute `#[observe]` and what its expansions call.

mod arguments;
mod call;
mod chunks;
mod probe;
pub mod runtime;
mod stream;

use arguments::Arguments;
use call::Call;
use chunks::Chunks;
use stream::ObservedStream;

/// Records every call of a function as an observation: its arguments, its output, its error, what
/// happens inside of it, and how long it took.
///
/// ```
/// use warmspan::observe;
///
/// #[observe]
/// async fn answer(question: &str) -> Result<String, std::io::Error> {
///     let documents = search(question, 3).await?;
///     Ok(format!("see {}", documents.join(", ")))
/// }
///
/// #[observe(as_type = "retriever", rename(k = "top_k"))]
/// async fn search(query: &str, k: usize) -> Result<Vec<String>, std::io::Error> {
///     Ok(vec![query.to_owned(); k])
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # assert!(answer("why").await.is_ok());
/// # }
/// ```
///
/// ```text
/// answer [span] input={"question":"why"} output=see why, why, why
/// └─ search [retriever] input={"query":"why","top_k":3} output=["why","why","why"]
/// ```
///
/// # Arguments
///
/// | argument | meaning | if left out |
/// |---|---|---|
/// | `name = "answer"` | the observation's name | the function's |
/// | `as_type = "generation"` | `span`, `generation`, `event`, `embedding`, `agent`, `tool`, `chain`, `retriever`, `evaluator` or `guardrail` | `span` |
/// | `capture_input = false` | records no arguments | records them |
/// | `capture_output = false` | records no output, but errors | records it |
/// | `skip(argument, ..)` | leaves arguments out | leaves out `self` |
/// | `rename(argument = "other", ..)` | records an argument by another name | its own |
/// | `transform = function` | records what `function(&output)` returns; of a stream, what it returns of each item | the output |
/// | `sdk = expression` | an [`Sdk`](crate::Sdk), or a reference to one; arguments and `self` may be used | that of the current observation, else [`sdk()`](crate::sdk()) |
/// | `stream` | the function returns a stream, though its return type does not show it | |
/// | `crate = path` | where this crate is, if it is re-exported | `::warmspan` |
///
/// # What is recorded
///
/// * **The input** is a JSON object of the arguments by name. Patterns are recorded by the variables
///   that they bind. It is serialised before the body runs, and only if the call is recorded.
/// * **The output** is what the function returns; of a `Result` the `Ok` value.
/// * **An `Err`** makes the observation one of level `ERROR`. The status message is the error's
///   `Display`.
/// * **A panic** is an `ERROR`, too, and goes on. **A future that is dropped** before it is done is a
///   `WARNING`. A future that is never polled is not recorded.
/// * **What is not `Serialize`**, or an error that has no `Display`, is recorded as the name of its
///   type: `Debug` would print secrets. A generic argument counts as what its bounds say.
///
/// How much of a text is kept is a setting, [`Content`](crate::Content): by default the first 500
/// characters of each argument and of the output, with keys and tokens redacted.
///
/// # What it can be put on
///
/// Functions and methods, `async` or not, generic or not, with `impl Trait` where you like. Methods
/// of `#[async_trait]` implementations, and functions that return a future (`impl Future`,
/// `Pin<Box<dyn Future>>`, `BoxFuture`), are recorded like `async` functions. The future is `Send` if
/// the body's is. A `const fn` or an `unsafe fn` is refused.
///
/// The observation of a function that returns **a stream** (`impl Stream`, `Pin<Box<dyn Stream>>`,
/// `BoxStream`, or a `Result` of one) ends with the stream. Items that are text are joined; others
/// become a JSON list, as long as the setting allows. An item that is an `Err` is the stream's error.
///
/// ```
/// use futures_util::stream::{self, BoxStream, Stream, StreamExt as _};
/// use warmspan::observe;
///
/// #[observe(as_type = "generation")]
/// fn complete(prompt: &str) -> impl Stream<Item = String> {
///     stream::iter(["It ", "is ", "blue."]).map(str::to_owned)
/// }
///
/// struct Delta {
///     text: String,
/// }
///
/// type Deltas = BoxStream<'static, Delta>;
///
/// // The macro sees a name only, and `Delta` is not `Serialize`.
/// #[observe(stream, transform = |delta: &Delta| delta.text.clone())]
/// fn deltas(prompt: String) -> Deltas {
///     stream::iter([Delta { text: prompt }]).boxed()
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # assert_eq!(complete("why").count().await + deltas("why".to_owned()).count().await, 4);
/// # }
/// ```
///
/// Inside of the function [`Observation::current`](crate::Observation::current) is its observation,
/// to say more about it:
///
/// ```
/// use warmspan::{Observation, Sdk, Usage, observe};
///
/// struct Summariser {
///     sdk: Sdk,
/// }
///
/// impl Summariser {
///     #[observe(as_type = "generation", sdk = self.sdk, skip(key))]
///     fn summarise(&self, text: &str, key: &str) -> String {
///         if let Some(generation) = Observation::current() {
///             generation.model("gpt-5-mini").usage(Usage::new().input(120).output(9));
///         }
///         text.chars().take(10).collect()
///     }
/// }
/// # let summariser = Summariser { sdk: Sdk::disabled() };
/// # assert_eq!(summariser.summarise("a long text", "sk"), "a long tex");
/// ```
///
/// # What it expands to
///
/// ```
/// # use warmspan::observe;
/// #[observe(as_type = "tool")]
/// fn divide(a: u32, b: u32) -> Result<u32, String> {
///     a.checked_div(b).ok_or_else(|| "division by zero".to_owned())
/// }
/// ```
///
/// becomes, with the calls of hidden functions put into words:
///
/// ```
/// # use warmspan::ObservationType;
/// fn divide(a: u32, b: u32) -> Result<u32, String> {
///     // Nothing more than this check where tracing is off.
///     let call = warmspan::sdk()
///         .observation("divide")
///         .as_type(ObservationType::Tool)
///         .start();
///     if call.is_recording() {
///         call.input(&serde_json::json!({ "a": a, "b": b }));
///     }
///     let output: Result<u32, String> = call.in_scope(move || -> Result<u32, String> {
///         a.checked_div(b).ok_or_else(|| "division by zero".to_owned())
///     });
///     if call.is_recording() {
///         match &output {
///             Ok(value) => _ = call.output(value),
///             Err(error) => _ = call.error(error),
///         }
///     }
///     call.end();
///     output
/// }
/// # assert_eq!(divide(6, 3), Ok(2));
/// ```
///
/// The body of an `async fn` becomes `async move { body }`, awaited inside of the observation; nothing
/// is boxed. Since a body becomes a closure, `#[track_caller]` does not reach into it.
pub use warmspan_macros::observe;
