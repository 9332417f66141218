use super::*;

const KEYS: [(&str, &str); 2] = [
    ("LANGFUSE_PUBLIC_KEY", "pk-lf-1"),
    ("LANGFUSE_SECRET_KEY", "sk-lf-hush"),
];

fn resolve(config: Config, variables: &[(&str, &str)]) -> (Settings, Vec<String>) {
    config
        .environment_variables(variables.iter().copied())
        .resolve()
}

fn with_keys(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    KEYS.iter().chain(more).copied().collect()
}

fn base_url_of(settings: &Settings) -> &str {
    match &settings.destination {
        Some(Destination::Langfuse(langfuse)) => &langfuse.base_url,
        other => panic!("expected Langfuse, got {other:?}"),
    }
}

#[test]
fn an_argument_beats_the_environment_which_beats_the_default() {
    let env = with_keys(&[("LANGFUSE_TIMEOUT", "3"), ("LANGFUSE_SAMPLE_RATE", "0.5")]);
    let (settings, warnings) = resolve(Config::new().sample_rate(0.0), &env);
    assert_eq!(settings.timeout, Duration::from_secs(3));
    assert!(
        settings.sample_rate.abs() < f64::EPSILON,
        "an explicit 0 is not `unset`"
    );
    assert_eq!(settings.content, Content::Preview);
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn the_base_url_has_three_names_in_a_fixed_order() {
    let all = with_keys(&[
        ("LANGFUSE_BASEURL", "https://c.example"),
        ("LANGFUSE_HOST", "https://b.example/"),
        ("LANGFUSE_BASE_URL", "https://a.example/"),
    ]);
    assert_eq!(
        base_url_of(&resolve(Config::new(), &all).0),
        "https://a.example"
    );
    let two = with_keys(&[
        ("LANGFUSE_BASEURL", "https://c.example"),
        ("LANGFUSE_HOST", "https://b.example/"),
    ]);
    assert_eq!(
        base_url_of(&resolve(Config::new(), &two).0),
        "https://b.example"
    );
    assert_eq!(
        base_url_of(&resolve(Config::new(), &KEYS).0),
        "https://cloud.langfuse.com"
    );
}

#[test]
fn a_bad_value_is_one_warning_that_names_it_and_what_is_used_instead() {
    for (variable, value, instead) in [
        ("LANGFUSE_SAMPLE_RATE", "7", "1.0"),
        ("LANGFUSE_SAMPLE_RATE", "NaN", "1.0"),
        ("LANGFUSE_TIMEOUT", "soon", "2s"),
        ("LANGFUSE_TIMEOUT", "-1", "2s"),
        ("LANGFUSE_TRACING_ENVIRONMENT", "Prod!", "None"),
        ("LANGFUSE_TRACING_ENVIRONMENT", "langfuse-x", "None"),
        (
            "LANGFUSE_BASE_URL",
            "cloud.langfuse.com",
            "https://cloud.langfuse.com",
        ),
        ("WARMSPAN_CONTENT", "some", "Preview"),
        ("WARMSPAN_FLUSH", "never", "BeforeResponse"),
        ("WARMSPAN_PARENT", "mother", "Auto"),
        ("LANGFUSE_FLUSH_INTERVAL", "often", "None"),
        ("LANGFUSE_OTEL_COMPRESSION", "zstd", "None"),
    ] {
        let (_, warnings) = resolve(Config::new(), &with_keys(&[(variable, value)]));
        let [warning] = warnings.as_slice() else {
            panic!("{variable}={value}: {warnings:?}")
        };
        for part in [variable, value, instead] {
            assert!(warning.contains(part), "{warning:?} lacks {part:?}");
        }
    }
}

#[test]
fn the_platforms_environment_counts_only_where_nobody_chose_one() {
    let platform = ("VERCEL_ENV", "production");
    let of = |config, variables: &[_]| resolve(config, &with_keys(variables)).0.environment;
    assert_eq!(
        of(Config::new(), &[platform]).as_deref(),
        Some("production")
    );
    let chosen = ("LANGFUSE_TRACING_ENVIRONMENT", "staging");
    assert_eq!(
        of(Config::new(), &[platform, chosen]).as_deref(),
        Some("staging")
    );
    assert_eq!(
        of(Config::new().environment("qa"), &[platform, chosen]).as_deref(),
        Some("qa")
    );
    let refused = ("LANGFUSE_TRACING_ENVIRONMENT", "Prod!");
    assert_eq!(of(Config::new(), &[platform, refused]), None);
}

#[test]
fn the_release_is_the_commit_or_else_the_revision() {
    let revision = ("K_REVISION", "chat-00007-abc");
    let of = |variables: &[_]| resolve(Config::new(), &with_keys(variables)).0.release;
    assert_eq!(of(&[revision]).as_deref(), Some("chat-00007-abc"));
    assert_eq!(
        of(&[revision, ("GIT_COMMIT", "3f2a")]).as_deref(),
        Some("3f2a")
    );
}

#[test]
fn a_flush_interval_is_opt_in_and_not_for_lambda() {
    let interval = |variables: &[_]| {
        let (settings, warnings) = resolve(Config::new(), &with_keys(variables));
        (settings.flush_interval, warnings.len())
    };
    let five = ("LANGFUSE_FLUSH_INTERVAL", "5");
    assert_eq!(interval(&[]), (None, 0));
    assert_eq!(interval(&[five]), (Some(Duration::from_secs(5)), 0));
    assert_eq!(interval(&[("LANGFUSE_FLUSH_INTERVAL", "0")]), (None, 0));
    assert_eq!(
        interval(&[five, ("AWS_LAMBDA_FUNCTION_NAME", "chat")]),
        (None, 1)
    );
}

#[test]
fn missing_keys_are_one_warning_and_tracing_is_off() {
    for (variables, names) in [
        (&[][..], "LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY"),
        (&KEYS[..1], "LANGFUSE_SECRET_KEY is missing"),
        (&KEYS[1..], "LANGFUSE_PUBLIC_KEY is missing"),
    ] {
        let (settings, warnings) = resolve(Config::new(), variables);
        assert!(settings.destination.is_none());
        let [warning] = warnings.as_slice() else {
            panic!("{warnings:?}")
        };
        assert!(warning.contains(names), "{warning}");
    }
}

#[test]
fn switched_off_on_purpose_is_silent() {
    for off in [
        ("LANGFUSE_TRACING_ENABLED", "false"),
        ("OTEL_SDK_DISABLED", "true"),
    ] {
        let (settings, warnings) = resolve(Config::new(), &[off]);
        assert!(
            settings.destination.is_none() && warnings.is_empty(),
            "{warnings:?}"
        );
    }
}

#[test]
fn an_ambient_otlp_endpoint_is_used_only_without_langfuse_keys() {
    let otlp = (
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "https://collector.example:4318/",
    );
    let headers = ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b, broken");
    let (settings, warnings) = resolve(Config::new(), &[otlp, headers]);
    let Some(Destination::Otlp { endpoint, headers }) = settings.destination else {
        panic!("no OTLP")
    };
    assert_eq!(endpoint, "https://collector.example:4318/v1/traces");
    assert_eq!(headers, [("api-key".to_owned(), Secret::new("a b"))]);
    assert_eq!(warnings.len(), 1, "{warnings:?}");

    let both = with_keys(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector.example")]);
    assert_eq!(
        base_url_of(&resolve(Config::new(), &both).0),
        "https://cloud.langfuse.com"
    );
    let half = [
        KEYS[0],
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector.example"),
    ];
    assert!(
        resolve(Config::new(), &half).0.destination.is_none(),
        "half a pair of keys must not reroute prompts"
    );
}

#[test]
fn plain_http_warns_except_on_loopback() {
    for (url, warns) in [
        ("http://langfuse.internal:3000", true),
        ("http://localhost:3000", false),
        ("http://127.0.0.1:3000", false),
        ("http://[::1]:3000", false),
        ("https://langfuse.internal", false),
    ] {
        let (settings, warnings) = resolve(Config::new().base_url(url), &KEYS);
        assert_eq!(warnings.len(), usize::from(warns), "{url}: {warnings:?}");
        assert_eq!(base_url_of(&settings), url);
    }
}

#[test]
fn swapped_or_mangled_keys_are_named_but_never_shown() {
    let swapped = [
        ("LANGFUSE_PUBLIC_KEY", "sk-lf-hush"),
        ("LANGFUSE_SECRET_KEY", "pk-lf-1"),
    ];
    let (_, warnings) = resolve(Config::new(), &swapped);
    assert!(warnings[0].contains("swapped"), "{warnings:?}");
    let (_, more) = resolve(
        Config::new(),
        &[KEYS[0], ("LANGFUSE_SECRET_KEY", "sk-lf hush")],
    );
    assert!(more[0].contains("LANGFUSE_SECRET_KEY"), "{more:?}");
    assert!(!format!("{warnings:?}{more:?}").contains("hush"));
}

#[test]
fn no_secret_appears_in_debug() {
    let config = Config::new()
        .secret_key("sk-lf-hush")
        .otlp_header("api-key", "hush");
    let shown = format!("{config:?}{:?}", resolve(config.clone(), &KEYS).0);
    assert!(!shown.contains("hush"), "{shown}");
}

#[test]
fn settings_differ_when_only_a_secret_differs() {
    let with = |secret: &str| resolve(Config::new().secret_key(secret), &KEYS).0;
    assert!(with("sk-1").same_as(&with("sk-1")));
    assert!(!with("sk-1").same_as(&with("sk-2")));
}
