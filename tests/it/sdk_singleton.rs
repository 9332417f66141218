//! The SDK of the process is made once.

use std::time::Duration;

use warmspan::{Config, Content, Credentials, Sdk};

#[test]
fn it_is_made_once_however_many_ask() {
    let first = warmspan::init(Config::new().enabled(false));
    let threads: Vec<_> = (0..8)
        .map(|_| std::thread::spawn(|| std::ptr::from_ref(warmspan::sdk()) as usize))
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), std::ptr::from_ref(first) as usize);
    }
    let second = warmspan::init(Config::new().content(Content::Off));
    assert!(std::ptr::eq(first, second));
    assert_eq!(second.content(), first.content(), "the first settings stay");
}

#[test]
fn without_keys_everything_is_a_no_op() {
    let sdk = Sdk::new(Config::new().environment_variables(std::iter::empty::<(String, String)>()));
    assert!(!sdk.is_enabled());
    let span = sdk.span("one");
    span.input("in").output("out").metadata("key", &1).end();
    assert!(!span.is_recording() && !span.span_context().is_valid());
    assert_eq!((sdk.pending_spans(), sdk.losses().total()), (0, 0));
}

#[tokio::test]
async fn without_keys_a_check_says_so() {
    let sdk = Sdk::disabled();
    assert!(
        sdk.auth_check(Duration::from_secs(1))
            .await
            .unwrap_err()
            .is_disabled()
    );
    assert!(sdk.force_flush(Duration::from_secs(1)).await.is_complete());
    assert!(sdk.shutdown(Duration::from_secs(1)).await.is_complete());
}

#[test]
fn nothing_secret_is_in_debug() {
    let sdk = Sdk::new(
        Config::new()
            .credentials(Credentials::new("pk-lf-1", "sk-lf-hush"))
            .base_url("http://localhost"),
    );
    assert!(!format!("{sdk:?}").contains("hush"));
}

#[test]
fn sampling_keeps_whole_traces_and_zero_keeps_none() {
    let keys = Credentials::new("pk-lf-1", "sk-lf-1");
    let config = || {
        Config::new()
            .environment_variables([("A", "")])
            .credentials(keys.clone())
            .base_url("http://localhost")
    };
    let none = Sdk::new(config().sample_rate(0.0));
    none.span("one").end();
    assert_eq!(none.pending_spans(), 0);

    let half = Sdk::new(config().sample_rate(0.5));
    for _ in 0..200 {
        let root = half.span("root");
        let child = root.observation("child").start();
        assert_eq!(root.is_recording(), child.is_recording());
        child.end();
        root.end();
    }
    let kept = half.pending_spans();
    assert!(
        kept.is_multiple_of(2) && (40..360).contains(&kept),
        "{kept} of 400"
    );
}
