//! `#[observe]` on everything that is awaited.

use std::{pin::Pin, time::Duration};

use futures_util::{
    FutureExt as _,
    future::{self, BoxFuture, LocalBoxFuture},
};
use tokio::time::sleep;
use warmspan::{ObserveFuture as _, observe};

use crate::observe_project::{Project, observed_async};

#[observe(as_type = "tool")]
async fn look_up(word: &str) -> Result<String, String> {
    tokio::task::yield_now().await;
    if word.is_empty() {
        return Err("no word".to_owned());
    }
    Ok(word.to_uppercase())
}

#[tokio::test]
async fn an_async_function_with_borrowed_arguments() {
    let outline = observed_async(async {
        let word = String::from("hey");
        assert_eq!(look_up(&word).await, Ok("HEY".to_owned()));
        assert!(look_up("").await.is_err());
    });
    assert_eq!(
        outline.await,
        "\
look_up [tool] input={\"word\":\"hey\"} output=HEY
look_up [tool] ERROR \"no word\" input={\"word\":\"\"}
"
    );
}

#[tokio::test]
async fn calls_nest_across_await() {
    #[observe(as_type = "agent")]
    async fn agent(words: Vec<&str>) -> Result<usize, String> {
        let mut length = 0;
        for word in words {
            length += look_up(word).await?.len();
        }
        Ok(length)
    }
    let outline = observed_async(async {
        assert_eq!(agent(vec!["a", ""]).await, Err("no word".to_owned()));
    });
    assert_eq!(
        outline.await,
        "\
agent [agent] ERROR \"no word\" input={\"words\":[\"a\",\"\"]}
├─ look_up [tool] input={\"word\":\"a\"} output=A
└─ look_up [tool] ERROR \"no word\" input={\"word\":\"\"}
"
    );
}

#[tokio::test]
async fn concurrent_calls_keep_their_parents() {
    #[observe]
    async fn branch(n: u64) {
        sleep(Duration::from_millis(n)).await;
        let _ = look_up("leaf").await;
    }
    let outline = observed_async(async {
        tokio::join!(branch(1), branch(2));
    });
    assert_eq!(
        outline.await,
        "\
branch [span] input={\"n\":1}
└─ look_up [tool] input={\"word\":\"leaf\"} output=LEAF
branch [span] input={\"n\":2}
└─ look_up [tool] input={\"word\":\"leaf\"} output=LEAF
"
    );
}

#[tokio::test]
async fn a_future_is_send_if_its_body_is_and_can_be_spawned() {
    #[observe]
    async fn spawned(value: Vec<u8>) -> usize {
        tokio::task::yield_now().await;
        value.len()
    }
    let outline = observed_async(async {
        let task = tokio::spawn(spawned(vec![1, 2]).in_current_observation());
        assert_eq!(task.await.unwrap(), 2);
    });
    assert_eq!(
        outline.await,
        "spawned [span] input={\"value\":[1,2]} output=2\n"
    );
}

#[tokio::test]
async fn a_future_that_is_not_send_can_be_observed() {
    #[observe(capture_input = false)]
    async fn local(value: std::rc::Rc<u8>) -> u8 {
        tokio::task::yield_now().await;
        *value
    }
    let outline = observed_async(async {
        assert_eq!(local(std::rc::Rc::new(1)).await, 1);
    });
    assert_eq!(outline.await, "local [span] output=1\n");
}

#[tokio::test]
async fn a_cancelled_future_is_a_warning_and_a_panic_an_error() {
    #[observe]
    async fn slow() {
        look_up("before").await.ok();
        future::pending::<()>().await;
    }
    #[observe]
    async fn explode() {
        tokio::task::yield_now().await;
        panic!("boom");
    }
    let outline = observed_async(async {
        assert!(
            tokio::time::timeout(Duration::from_millis(5), slow())
                .await
                .is_err()
        );
        assert!(
            std::panic::AssertUnwindSafe(explode())
                .catch_unwind()
                .await
                .is_err()
        );
    });
    assert_eq!(
        outline.await,
        "\
slow [span] WARNING \"cancelled: the future was dropped before it was done\"
└─ look_up [tool] input={\"word\":\"before\"} output=BEFORE
explode [span] ERROR \"panicked\"
"
    );
}

#[tokio::test]
async fn a_future_that_is_never_polled_is_not_recorded() {
    let outline = observed_async(async {
        drop(look_up("never"));
    });
    assert_eq!(outline.await, "");
}

#[tokio::test]
async fn methods_generics_and_impl_trait() {
    struct Model<T> {
        prefix: T,
    }
    impl<T: AsRef<str>> Model<T> {
        #[observe(name = "complete", as_type = "generation", rename(prompt = "text"))]
        async fn complete<'a>(&'a mut self, prompt: impl Into<String>) -> impl AsRef<str> + 'a {
            let prompt = prompt.into();
            look_up(&prompt).await.ok();
            &self.prefix
        }
    }
    let outline = observed_async(async {
        let mut model = Model { prefix: "x" };
        assert_eq!(model.complete("y").await.as_ref(), "x");
    });
    assert_eq!(
        outline.await,
        "\
complete [generation] input={\"text\":\"&str\"} output=&&str
└─ look_up [tool] input={\"word\":\"y\"} output=Y
"
    );
}

#[async_trait::async_trait]
trait Search: Sync {
    async fn search(
        &self,
        query: &str,
        (from, to): (u8, u8),
        limit: usize,
    ) -> Result<Vec<String>, String>;

    #[observe]
    async fn first(&self, query: &str) -> Option<String> {
        self.search(query, (0, 1), 1).await.ok()?.pop()
    }
}

struct Index(Vec<String>);

#[async_trait::async_trait]
impl Search for Index {
    #[observe(as_type = "retriever", skip(limit))]
    async fn search(
        &self,
        query: &str,
        (from, to): (u8, u8),
        limit: usize,
    ) -> Result<Vec<String>, String> {
        if from > to {
            return Err("backwards".into());
        }
        let found = self.0.iter().filter(|document| document.contains(query));
        Ok(found.take(limit).cloned().collect())
    }
}

#[tokio::test]
async fn async_trait_methods_are_async_functions() {
    let outline = observed_async(async {
        let index: Box<dyn Search> = Box::new(Index(vec!["a cat".into()]));
        drop(index.first("never polled"));
        assert_eq!(index.first("cat").await.as_deref(), Some("a cat"));
        index.search("", (2, 1), 0).await.unwrap_err();
    });
    assert_eq!(
        outline.await,
        "\
first [span] input={\"query\":\"cat\"} output=a cat
└─ search [retriever] input={\"query\":\"cat\",\"arg2\":[0,1]} output=[\"a cat\"]
search [retriever] ERROR \"backwards\" input={\"query\":\"\",\"arg2\":[2,1]}
"
    );
}

#[tokio::test]
async fn functions_that_return_a_future() {
    #[observe]
    fn block(n: u8) -> impl Future<Output = Result<u8, String>> + Send {
        async move {
            look_up("inside").await?;
            Ok(n)
        }
    }
    #[observe]
    fn boxed<'a>(word: &'a str) -> BoxFuture<'a, Result<String, String>> {
        Box::pin(async move { look_up(word).await })
    }
    #[observe]
    fn made_elsewhere(word: &str) -> impl Future<Output = Result<String, String>> + '_ {
        tracing::trace!("not only a block");
        look_up(word)
    }
    #[observe]
    fn boxed_elsewhere(
        word: &str,
    ) -> Pin<Box<dyn Future<Output = Result<String, String>> + Send + '_>> {
        let future = look_up(word);
        future.boxed()
    }
    #[observe]
    fn local(n: u8) -> LocalBoxFuture<'static, u8> {
        async move { n }.boxed_local()
    }
    #[observe]
    fn detached(name: &str) -> impl Future<Output = usize> + use<> {
        let length = name.len();
        async move { length }
    }
    #[observe]
    fn unused_borrow(_name: &str) -> Pin<Box<dyn Future<Output = u8> + Send + 'static>> {
        Box::pin(async { 1 })
    }
    type Answer<'a> = Pin<Box<dyn Future<Output = u8> + 'a>>;
    #[observe]
    fn behind_an_alias<'a>() -> Answer<'a> {
        Box::pin(async { 2 })
    }
    let outline = observed_async(async {
        block(1).await.unwrap();
        boxed("b").await.unwrap();
        made_elsewhere("m").await.unwrap();
        boxed_elsewhere("e").await.unwrap();
        local(3).await;
        detached("d").await;
        unused_borrow("u").await;
        behind_an_alias().await;
    });
    assert_eq!(
        outline.await,
        "\
block [span] input={\"n\":1} output=1
└─ look_up [tool] input={\"word\":\"inside\"} output=INSIDE
boxed [span] input={\"word\":\"b\"} output=B
└─ look_up [tool] input={\"word\":\"b\"} output=B
made_elsewhere [span] input={\"word\":\"m\"} output=M
└─ look_up [tool] input={\"word\":\"m\"} output=M
boxed_elsewhere [span] input={\"word\":\"e\"} output=E
└─ look_up [tool] input={\"word\":\"e\"} output=E
local [span] input={\"n\":3} output=3
detached [span] input={\"name\":\"d\"} output=1
unused_borrow [span] input={\"_name\":\"u\"} output=1
behind_an_alias [span] output=2
"
    );
}

#[tokio::test]
async fn a_trait_can_return_a_future() {
    trait Answer {
        fn answer(&self, question: &str) -> impl Future<Output = u8> + Send;
    }
    struct Deep;
    impl Answer for Deep {
        #[observe]
        async fn answer(&self, question: &str) -> u8 {
            look_up(question).await.ok();
            42
        }
    }
    let outline = observed_async(async {
        Deep.answer("why").await;
    });
    assert_eq!(
        outline.await,
        "answer [span] input={\"question\":\"why\"} output=42\n└─ look_up [tool] input={\"word\":\"why\"} output=WHY\n"
    );
}

#[tokio::test]
async fn other_attributes_work_before_and_after() {
    let project = Project::new().await;
    let sdk = project.sdk().clone();
    #[observe(sdk = sdk, skip(sdk))]
    #[must_use]
    #[doc = "Documented."]
    async fn documented(sdk: warmspan::Sdk) -> u8 {
        1
    }
    assert_eq!(documented(sdk).await, 1);
    assert_eq!(
        project.outline().await,
        "documented [span] langfuse.observation.output=1\n"
    );
}
