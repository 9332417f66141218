//! What the function writes holds no secret, whatever goes wrong.

use warmspan::testkit::{lambda::Emulator, langfuse, openai};

use crate::surroundings::{OPENAI_KEY, Surroundings, event};

#[tokio::test]
async fn debug_output_holds_no_secret() {
    let surroundings = Surroundings::start().await;
    let function = surroundings
        .function()
        .env("LANGFUSE_DEBUG", "true")
        .start()
        .await
        .unwrap();
    for fault in [None, Some(401), Some(400), Some(503)] {
        if let Some(status) = fault {
            surroundings
                .langfuse
                .answer_next(1, &langfuse::Fault::status(status));
        }
        function.invoke(event("Why?")).await.unwrap();
    }
    surroundings.langfuse.stop().await;
    function.invoke(event("And now?")).await.unwrap();

    assert!(!function.logs().is_empty());
    assert_holds_no_secret(&function, surroundings.langfuse.secret_key());
}

#[tokio::test]
async fn a_key_that_the_model_refuses_is_not_repeated() {
    let surroundings = Surroundings::start().await;
    let refused = "sk-proj-refused-0123456789abcdef";
    let function = surroundings
        .function()
        .env("LANGFUSE_DEBUG", "true")
        .env("OPENAI_API_KEY", refused)
        .start()
        .await
        .unwrap();
    let invocation = function.invoke(event("Why?")).await.unwrap();

    assert!(invocation.result.is_err());
    assert_holds_no_secret(&function, refused);
    assert!(!surroundings.langfuse.contains(refused));
}

#[tokio::test]
async fn what_left_the_function_holds_nothing_of_the_requests_head() {
    let surroundings = Surroundings::start().await;
    let function = surroundings.function().start().await.unwrap();
    function.invoke(event("Why?")).await.unwrap();
    surroundings.openai.answer(openai::Fault::status(400));
    function.invoke(event("And now?")).await.unwrap();

    assert_eq!(surroundings.langfuse.traces().len(), 2);
    for secret in ["hush", OPENAI_KEY, "192.0.2.1"] {
        assert!(!surroundings.langfuse.contains(secret), "{secret}");
    }
}

fn assert_holds_no_secret(function: &Emulator, secret: &str) {
    for line in function.logs() {
        for secret in [secret, OPENAI_KEY, "hush"] {
            assert!(!line.text.contains(secret), "{}", line.text);
        }
    }
}
