//! What a user may get wrong in the function's variables.

use crate::surroundings::{Surroundings, assert_answered, event, told};

#[tokio::test]
async fn a_bad_value_is_one_warning_that_names_variable_value_and_replacement() {
    for (variable, value, replacement) in [
        ("LANGFUSE_SAMPLE_RATE", "7", "1.0"),
        ("LANGFUSE_SAMPLE_RATE", "half", "1.0"),
        ("LANGFUSE_TIMEOUT", "soon", "2s"),
        ("LANGFUSE_TIMEOUT", "-1", "2s"),
        ("LANGFUSE_TRACING_ENABLED", "maybe", "true"),
        ("LANGFUSE_DEBUG", "loud", "false"),
        ("LANGFUSE_TRACING_ENVIRONMENT", "Prod EU", "None"),
        ("WARMSPAN_FLUSH", "never", "BeforeResponse"),
        ("WARMSPAN_CONTENT", "some", "Preview"),
        ("WARMSPAN_PARENT", "mother", "Auto"),
    ] {
        let surroundings = Surroundings::start().await;
        let function = surroundings
            .function()
            .env(variable, value)
            .start()
            .await
            .unwrap();
        for _ in 0..2 {
            assert_answered(&function.invoke(event("Why?")).await.unwrap());
        }

        let told = told(&function);
        assert_eq!(told.len(), 1, "{told:#?}");
        let (wrong, used) = (
            format!("{variable}={value:?} is not "),
            format!("; using {replacement} instead"),
        );
        assert!(
            told[0].starts_with(&wrong) && told[0].ends_with(&used),
            "{told:#?}"
        );
        assert_eq!(
            surroundings.langfuse.traces().len(),
            2,
            "{variable}={value}"
        );
    }
}

#[tokio::test]
async fn a_base_url_that_is_none_is_named_and_harms_nothing() {
    let surroundings = Surroundings::start().await;
    let function = surroundings
        .function()
        .env("LANGFUSE_BASE_URL", "not a url")
        // So that nothing leaves this machine if the default is used instead.
        .env("LANGFUSE_SAMPLE_RATE", "0")
        .start()
        .await
        .unwrap();
    assert_answered(&function.invoke(event("Why?")).await.unwrap());

    let told = told(&function);
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(
        told[0].contains("LANGFUSE_BASE_URL") && told[0].contains("not a url"),
        "{told:#?}"
    );
}

#[tokio::test]
async fn without_keys_there_is_one_warning_and_no_request() {
    let surroundings = Surroundings::start().await;
    let function = surroundings.function_without_keys().start().await.unwrap();
    for _ in 0..2 {
        assert_answered(&function.invoke(event("Why?")).await.unwrap());
    }

    let told = told(&function);
    assert_eq!(told.len(), 1, "{told:#?}");
    for name in ["LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"] {
        assert!(told[0].contains(name), "{told:#?}");
    }
    assert_eq!(surroundings.langfuse.connections(), 0);
}

#[tokio::test]
async fn switched_off_it_says_nothing_and_sends_nothing() {
    let surroundings = Surroundings::start().await;
    let function = surroundings
        .function()
        .env("LANGFUSE_TRACING_ENABLED", "false")
        .start()
        .await
        .unwrap();
    assert_answered(&function.invoke(event("Why?")).await.unwrap());

    assert_eq!(told(&function), Vec::<String>::new());
    assert_eq!(surroundings.langfuse.connections(), 0);
}

#[tokio::test]
async fn wrong_keys_are_told_with_the_host_and_harm_no_response() {
    let surroundings = Surroundings::start().await;
    let function = surroundings
        .function()
        .env("LANGFUSE_SECRET_KEY", "sk-lf-of-another-project")
        .start()
        .await
        .unwrap();
    for _ in 0..3 {
        assert_answered(&function.invoke(event("Why?")).await.unwrap());
    }

    let told = told(&function);

    let host = "127.0.0.1";
    assert!(
        told.iter()
            .any(|line| line.contains("401") && line.contains(host)),
        "{told:#?}"
    );
    assert!(
        !told
            .iter()
            .any(|line| line.contains("sk-lf-of-another-project")),
        "{told:#?}"
    );
    assert!(surroundings.langfuse.observations().is_empty());
}

#[tokio::test]
async fn a_malformed_body_is_answered_and_marked() {
    let surroundings = Surroundings::start().await;
    let function = surroundings.function().start().await.unwrap();
    let malformed = event("Why?").replace("question", "guess");
    let invocation = function.invoke(malformed).await.unwrap();

    let response: serde_json::Value =
        serde_json::from_slice(invocation.result.as_ref().unwrap()).unwrap();
    assert_eq!(response["statusCode"], 400);
    assert_eq!(
        surroundings.outlines(&["http.response.status_code"]),
        ["chat [span] WARNING \"no question in the body\" http.response.status_code=400\n"]
    );
}
