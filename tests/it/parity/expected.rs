//! What the Python SDK 5.0.4 sends for the scenario, as measured.

use super::capture::Capture;

pub(super) fn py_5_0_4() -> Capture {
    let mut capture = Capture::default();
    for (attribute, value) in RESOURCE {
        capture.set("RESOURCE", attribute, *value);
    }
    capture.set("SCOPE", "(name)", "langfuse-sdk");
    capture.set("SCOPE", "public_key", "string:pk-lf-1");
    for (observation, parent, attributes) in OBSERVATIONS {
        let kind = observation.split(['[', ']']).nth(1).unwrap_or_default();
        capture.set(
            observation,
            "langfuse.observation.type",
            format!("string:{kind}"),
        );
        capture.set(observation, "langfuse.environment", "string:staging");
        capture.set(observation, "langfuse.release", "string:r1");
        capture.set(observation, "(parent)", *parent);
        capture.set(observation, "(kind)", "internal");
        capture.set(observation, "(level)", "DEFAULT");
        capture.set(observation, "(message)", "none");
        capture.set(observation, "(events)", "");
        if *parent == "root" || *observation == "root [span]" {
            for (attribute, value) in TRACE {
                capture.set(observation, attribute, *value);
            }
        }
        if *parent != "root" {
            capture.set(observation, "langfuse.internal.is_app_root", "bool:true");
        }
        if observation.starts_with("o-") {
            capture.set(
                observation,
                "langfuse.observation.metadata",
                "string:\"plain\"",
            );
        }
        for (attribute, value) in *attributes {
            capture.set(observation, attribute, *value);
        }
    }
    capture
}

type Attributes = &'static [(&'static str, &'static str)];

const RESOURCE: Attributes = &[
    ("telemetry.sdk.language", "string:python"),
    ("telemetry.sdk.name", "string:opentelemetry"),
    ("langfuse.environment", "string:staging"),
    ("langfuse.release", "string:r1"),
    ("service.name", "string:unknown_service:python"),
];

/// What was propagated.
const TRACE: Attributes = &[
    ("user.id", "string:u1"),
    ("session.id", "string:s1"),
    ("langfuse.version", "string:v9"),
    ("langfuse.trace.name", "string:my-trace"),
    ("langfuse.trace.tags", "string:t1, string:t2"),
    ("langfuse.trace.metadata.pk", "string:\"pv\""),
];

/// Name and type, parent, and what else there is.
const OBSERVATIONS: &[(&str, &str, Attributes)] = &[
    (
        "gen [generation]",
        "root",
        &[
            ("langfuse.version", "string:g1"),
            (
                "langfuse.observation.input",
                r#"string:[{"role": "user", "content": "h\u00e9"}]"#,
            ),
            ("langfuse.observation.output", "string:out"),
            ("langfuse.observation.model.name", "string:gpt-4o"),
            (
                "langfuse.observation.model.parameters",
                r#"string:{"temperature": 0.7, "stop": ["a"], "n": 1}"#,
            ),
            (
                "langfuse.observation.usage_details",
                r#"string:{"input": 3, "output": 2, "total": 5}"#,
            ),
            (
                "langfuse.observation.cost_details",
                r#"string:{"total": 0.01}"#,
            ),
            (
                "langfuse.observation.completion_start_time",
                r#"string:"2026-11-22T08:00:00.123456Z""#,
            ),
            ("langfuse.observation.level", "string:WARNING"),
            ("langfuse.observation.status_message", "string:careful"),
            ("(level)", "WARNING"),
            ("(message)", "careful"),
        ],
    ),
    ("o-agent [agent]", "root", &[]),
    ("o-tool [tool]", "root", &[]),
    ("o-chain [chain]", "root", &[]),
    ("o-retriever [retriever]", "root", &[]),
    ("o-evaluator [evaluator]", "root", &[]),
    ("o-embedding [embedding]", "root", &[]),
    ("o-guardrail [guardrail]", "root", &[]),
    (
        "ev [event]",
        "root",
        &[
            ("langfuse.observation.input", "string:1"),
            ("langfuse.observation.output", "string:false"),
        ],
    ),
    (
        "root [span]",
        "none",
        &[
            ("langfuse.trace.public", "bool:true"),
            ("langfuse.observation.input", r#"string:{"q": "hi"}"#),
            ("langfuse.observation.metadata.str", r#"string:"x""#),
            ("langfuse.observation.metadata.int", "string:1"),
            ("langfuse.observation.metadata.float", "string:1.5"),
            ("langfuse.observation.metadata.bool", "string:true"),
            (
                "langfuse.observation.metadata.nested",
                r#"string:{"a":[1]}"#,
            ),
            ("langfuse.observation.metadata.numstr", r#"string:"123""#),
            ("langfuse.observation.metadata.nan", r#"string:"NaN""#),
            (
                "langfuse.observation.metadata.big",
                r#"string:"1152921504606846976""#,
            ),
            (
                "langfuse.observation.output",
                concat!(
                    r#"string:{"dt": "2026-01-02T03:04:05Z", "nan": "NaN", "inf": "-Infinity", "b": "abc", "#,
                    r#""bad": "<not serializable bytes>", "big": "1152921504606846976", "set": [1], "#,
                    r#""uuid": "00000000-0000-0000-0000-000000000001", "obj": {"a": 1}, "#,
                    r#""exc": "ValueError: boom", "u": "\u00e9"}"#,
                ),
            ),
        ],
    ),
    (
        "raises [span]",
        "none",
        &[
            ("(level)", "ERROR"),
            ("(message)", "ValueError: kaboom"),
            ("(events)", "exception"),
        ],
    ),
    (
        "f [tool]",
        "none",
        &[
            (
                "langfuse.observation.input",
                r#"string:{"args": [1], "kwargs": {"b": 3}}"#,
            ),
            ("langfuse.observation.level", "string:ERROR"),
            ("langfuse.observation.status_message", "string:obs-err"),
            ("(level)", "ERROR"),
            ("(message)", "obs-err"),
        ],
    ),
    (
        "gen [span]",
        "none",
        &[
            (
                "langfuse.observation.input",
                r#"string:{"args": [3], "kwargs": {}}"#,
            ),
            ("langfuse.observation.output", "string:012"),
        ],
    ),
    (
        "remote [span]",
        "b7ad6b7169203331",
        &[("langfuse.internal.as_root", "bool:true")],
    ),
];
