//! `#[observe]` on functions and methods.

use std::fmt;

use warmspan::{Observation, Sdk, observe};

use crate::observe_project::{Project, observed};

#[tokio::test]
async fn a_function_is_a_span_with_its_arguments_and_its_output() {
    #[observe]
    fn greet(name: &str, times: u8) -> String {
        format!("hello {name} {times}")
    }
    let outline = observed(|| assert_eq!(greet("Ada", 2), "hello Ada 2")).await;
    assert_eq!(
        outline,
        "greet [span] input={\"name\":\"Ada\",\"times\":2} output=hello Ada 2\n"
    );
}

#[tokio::test]
async fn calls_nest() {
    #[observe(as_type = "chain")]
    fn outer() {
        inner(1);
        inner(2);
    }
    #[observe(name = "step", as_type = "tool")]
    fn inner(n: u8) {
        let _ = n;
    }
    assert_eq!(
        observed(outer).await,
        "\
outer [chain]
├─ step [tool] input={\"n\":1}
└─ step [tool] input={\"n\":2}
"
    );
}

#[tokio::test]
async fn every_type_can_be_chosen() {
    #[observe(as_type = "span")]
    fn a() {}
    #[observe(as_type = "generation")]
    fn b() {}
    #[observe(as_type = "event")]
    fn c() {}
    #[observe(as_type = "embedding")]
    fn d() {}
    #[observe(as_type = "agent")]
    fn e() {}
    #[observe(as_type = "tool")]
    fn f() {}
    #[observe(as_type = "chain")]
    fn g() {}
    #[observe(as_type = "retriever")]
    fn h() {}
    #[observe(as_type = "evaluator")]
    fn i() {}
    #[observe(as_type = "guardrail")]
    fn j() {}
    let outline = observed(|| {
        a();
        b();
        c();
        d();
        e();
        f();
        g();
        h();
        i();
        j();
    });
    assert_eq!(
        outline.await,
        "\
a [span]
b [generation]
c [event]
d [embedding]
e [agent]
f [tool]
g [chain]
h [retriever]
i [evaluator]
j [guardrail]
"
    );
}

#[tokio::test]
async fn an_error_is_its_message() {
    #[observe]
    fn divide(a: u32, b: u32) -> Result<u32, String> {
        let quotient = a.checked_div(b).ok_or("division by zero")?;
        Ok(quotient)
    }
    let outline = observed(|| {
        assert_eq!(divide(6, 3), Ok(2));
        assert!(divide(1, 0).is_err());
    });
    assert_eq!(
        outline.await,
        "\
divide [span] input={\"a\":6,\"b\":3} output=2
divide [span] ERROR \"division by zero\" input={\"a\":1,\"b\":0}
"
    );
}

#[tokio::test]
async fn an_error_that_cannot_be_displayed_is_its_type_and_never_its_debug() {
    #[derive(Debug)]
    #[expect(dead_code, reason = "what Debug would print")]
    struct Refused {
        password: &'static str,
    }
    #[observe]
    fn login() -> Result<(), Refused> {
        Err(Refused { password: "1234" })
    }
    let outline = observed(|| _ = login()).await;
    assert!(outline.contains("ERROR"), "{outline}");
    assert!(outline.contains("::Refused\""), "{outline}");
    assert!(!outline.contains("1234"), "{outline}");
}

#[tokio::test]
async fn a_display_that_fails_does_no_harm() {
    struct Broken;
    impl fmt::Display for Broken {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("half")?;
            Err(fmt::Error)
        }
    }
    #[observe]
    fn fail() -> Result<(), Broken> {
        Err(Broken)
    }
    assert_eq!(
        observed(|| _ = fail()).await,
        "fail [span] ERROR \"half\"\n"
    );
}

#[tokio::test]
async fn a_panic_is_an_error_and_goes_on() {
    #[observe]
    fn explode() {
        panic!("boom");
    }
    let outline = observed(|| {
        assert!(std::panic::catch_unwind(explode).is_err());
    });
    assert_eq!(outline.await, "explode [span] ERROR \"panicked\"\n");
}

#[tokio::test]
async fn early_returns_are_outputs() {
    #[observe]
    fn sign(n: i32) -> &'static str {
        if n < 0 {
            return "negative";
        }
        "positive"
    }
    assert_eq!(
        observed(|| _ = sign(-1)).await,
        "sign [span] input={\"n\":-1} output=negative\n"
    );
}

#[tokio::test]
async fn methods_leave_self_out() {
    struct Counter {
        count: u32,
    }
    impl Counter {
        #[observe]
        fn new(count: u32) -> Self {
            Self { count }
        }
        #[observe]
        fn read(&self) -> u32 {
            self.count
        }
        #[observe]
        fn count_mut(&mut self, by: u32) -> &mut u32 {
            self.count += by;
            &mut self.count
        }
        #[observe(name = "consume")]
        fn into_count(mut self: Box<Self>) -> u32 {
            self.count += 1;
            self.count
        }
    }
    let outline = observed(|| {
        let mut counter = Counter::new(1);
        assert_eq!(counter.read(), 1);
        *counter.count_mut(2) += 1;
        assert_eq!(Box::new(counter).into_count(), 5);
    });
    let outline = outline.await;
    let lines: Vec<&str> = outline.lines().collect();
    assert!(lines[0].starts_with("new [span] input={\"count\":1} output="));
    assert!(lines[0].ends_with("::Counter"), "{outline}");
    assert_eq!(
        &lines[1..],
        [
            "read [span] output=1",
            "count_mut [span] input={\"by\":2} output=3",
            "consume [span] output=5",
        ]
    );
}

#[tokio::test]
async fn trait_methods_are_observed_where_they_are_implemented() {
    trait Speak {
        fn speak(&self, to: &str) -> String;

        #[observe]
        fn twice(&self, to: &str) -> String {
            self.speak(to).repeat(2)
        }
    }
    struct Dog;
    impl Speak for Dog {
        #[observe(as_type = "tool")]
        fn speak(&self, to: &str) -> String {
            format!("woof {to};")
        }
    }
    let outline = observed(|| _ = Dog.twice("you"));
    assert_eq!(
        outline.await,
        "\
twice [span] input={\"to\":\"you\"} output=woof you;woof you;
└─ speak [tool] input={\"to\":\"you\"} output=woof you;
"
    );
}

#[tokio::test]
async fn generics_and_impl_trait() {
    #[observe]
    fn longest<'a, const N: usize>(words: &[&'a str; N]) -> &'a str {
        let longest = words.iter().max_by_key(|word| word.len());
        longest.copied().unwrap_or_default()
    }
    #[observe]
    fn shout(text: impl AsRef<str> + serde::Serialize) -> impl fmt::Display + serde::Serialize {
        text.as_ref().to_uppercase()
    }
    #[observe]
    fn bounded<T: serde::Serialize + Clone>(value: T) -> T {
        value.clone()
    }
    #[observe]
    fn evens<'a>(of: &'a [u32]) -> impl Iterator<Item = &'a u32> {
        of.iter().filter(|n| *n % 2 == 0)
    }
    let outline = observed(|| {
        longest(&["a", "abc"]);
        assert_eq!(shout("hey").to_string(), "HEY");
        bounded(vec![1, 2]);
        assert_eq!(evens(&[1, 2]).count(), 1);
    });
    let outline = outline.await;
    let lines: Vec<&str> = outline.lines().collect();
    assert_eq!(
        &lines[..3],
        [
            "longest [span] input={\"words\":\"&[&str; 2]\"} output=abc",
            "shout [span] input={\"text\":\"hey\"} output=HEY",
            "bounded [span] input={\"value\":[1,2]} output=[1,2]",
        ]
    );
    assert!(lines[3].starts_with("evens [span] input={\"of\":[1,2]} output=core::"));
}

#[tokio::test]
async fn extern_functions_and_mutable_arguments() {
    #[observe]
    extern "C" fn next(mut n: u32) -> u32 {
        n += 1;
        n
    }
    assert_eq!(
        observed(|| assert_eq!(next(1), 2)).await,
        "next [span] input={\"n\":1} output=2\n"
    );
}

#[tokio::test]
async fn attributes_inside_of_the_body_are_the_functions() {
    #[observe]
    fn quiet() -> u8 {
        #![allow(unused_variables)]
        let unused = 1;
        7
    }
    assert_eq!(observed(|| _ = quiet()).await, "quiet [span] output=7\n");
}

#[tokio::test]
async fn a_function_that_never_returns() {
    #[observe]
    fn stop() -> ! {
        panic!("stop")
    }
    let outline = observed(|| {
        let stopped = std::panic::catch_unwind(|| {
            stop();
        });
        assert!(stopped.is_err());
    });
    assert_eq!(outline.await, "stop [span] ERROR \"panicked\"\n");
}

#[tokio::test]
async fn the_body_can_speak_of_its_own_observation() {
    #[observe(as_type = "generation")]
    fn generate() -> &'static str {
        if let Some(current) = Observation::current() {
            current.model("gpt-5-mini").name("renamed");
        }
        "done"
    }
    let project = Project::new().await;
    project.root().in_scope(generate);
    let renamed = project.find("renamed").await;
    assert_eq!(renamed.model.as_deref(), Some("gpt-5-mini"));
    assert_eq!(renamed.output.as_deref(), Some("done"));
}

#[tokio::test]
async fn another_sdk_can_be_chosen() {
    struct Service {
        sdk: Sdk,
    }
    impl Service {
        #[observe(sdk = self.sdk)]
        fn by_value(&self) {}
        #[observe(sdk = &self.sdk)]
        fn by_reference(&self) {}
    }
    let (chosen, other) = (Project::new().await, Project::new().await);
    let service = Service {
        sdk: chosen.sdk().clone(),
    };
    other.root().in_scope(|| {
        service.by_value();
        service.by_reference();
    });
    assert_eq!(other.outline().await, "root [span]\n");
    assert_eq!(
        chosen.outline().await,
        "by_value [span]\nby_reference [span]\n"
    );
}

#[tokio::test]
async fn a_disabled_sdk_changes_nothing() {
    #[observe(sdk = Sdk::disabled())]
    fn add(a: u8, b: u8) -> Option<u8> {
        assert!(Observation::current().is_none());
        a.checked_add(b)
    }
    assert_eq!(add(1, 2), Some(3));
}
