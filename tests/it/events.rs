//! HTTP events as Lambda delivers them, each with `hush` in every place where a secret may be, and
//! the same question in its body.

/// What none of them may show.
pub(crate) const SECRET: &str = "hush";

/// What each of them asks.
pub(crate) const BODY: &str = r#"{"question":"Why is the sky blue?"}"#;

/// The events by name.
pub(crate) const ALL: [(&str, &str); 8] = [
    ("API Gateway v1", include_str!("events/api_gateway_v1.json")),
    ("API Gateway v2", include_str!("events/api_gateway_v2.json")),
    ("WebSocket", include_str!("events/websocket.json")),
    ("load balancer", include_str!("events/load_balancer.json")),
    (
        "load balancer with multi-value headers",
        include_str!("events/load_balancer_multi_value.json"),
    ),
    ("function URL", include_str!("events/function_url.json")),
    ("VPC Lattice v1", include_str!("events/lattice_v1.json")),
    ("VPC Lattice v2", include_str!("events/lattice_v2.json")),
];
