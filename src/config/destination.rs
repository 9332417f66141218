//! Where spans go: a Langfuse project, or any OTLP/HTTP back-end, or nowhere.

use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
};

use http::{HeaderName, HeaderValue, Uri, uri::Scheme};

use super::{Environment, Secret, Warnings};
use crate::observation::redact_keys;

/// Where spans go.
#[derive(Clone)]
pub(crate) enum Destination {
    Langfuse(LangfuseDestination),
    Otlp {
        endpoint: Uri,
        headers: Vec<(String, Secret)>,
    },
}

/// A Langfuse project.
#[derive(Clone, Debug)]
pub(crate) struct LangfuseDestination {
    /// Without a trailing slash.
    pub(crate) base_url: String,
    pub(crate) public_key: String,
    pub(crate) secret_key: Secret,
}

/// Without a path or query, which may hold a token.
impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Langfuse(langfuse) => langfuse.fmt(f),
            Self::Otlp { endpoint, .. } => f.debug_tuple("Otlp").field(&endpoint.host()).finish(),
        }
    }
}

impl Destination {
    /// The same for equal destinations, secrets included; shows none of them.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        match self {
            Self::Langfuse(langfuse) => {
                (
                    &langfuse.base_url,
                    &langfuse.public_key,
                    langfuse.secret_key.expose(),
                )
                    .hash(&mut hasher);
            }
            Self::Otlp { endpoint, headers } => {
                endpoint.hash(&mut hasher);
                for (name, value) in headers {
                    (name, value.expose()).hash(&mut hasher);
                }
            }
        }
        hasher.finish()
    }
}

/// What the program said about the destination.
pub(super) struct Arguments {
    pub(super) public_key: Option<String>,
    pub(super) secret_key: Option<Secret>,
    pub(super) base_url: Option<String>,
    pub(super) otlp_endpoint: Option<String>,
    pub(super) otlp_headers: Vec<(String, Secret)>,
}

const DEFAULT_BASE_URL: &str = "https://cloud.langfuse.com";
const BASE_URL_VARIABLES: &[&str] = &["LANGFUSE_BASE_URL", "LANGFUSE_HOST", "LANGFUSE_BASEURL"];
const MISSING: &str = "tracing is off: set LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY (Langfuse: project \
                       settings, API keys) to turn it on, or LANGFUSE_TRACING_ENABLED=false to say that it is meant";

impl Arguments {
    /// Langfuse if there are keys, else OTLP if there is an endpoint, else nothing and a warning.
    pub(super) fn resolve(
        self,
        enabled: bool,
        env: &Environment,
        warnings: &mut Warnings,
    ) -> Option<Destination> {
        if !enabled {
            return None;
        }
        let public_key = self
            .public_key
            .filter(|key| !key.is_empty())
            .or_else(|| env.get("LANGFUSE_PUBLIC_KEY").map(str::to_owned))
            .map(|key| key.trim().to_owned());
        let secret_key = self
            .secret_key
            .filter(|key| !key.expose().is_empty())
            .or_else(|| env.get("LANGFUSE_SECRET_KEY").map(Secret::new))
            .map(|key| Secret::new(key.expose().trim()));
        match (public_key, secret_key) {
            (Some(public_key), Some(secret_key)) => {
                check_keys(&public_key, &secret_key, warnings);
                let base_url = base_url(self.base_url, env, warnings);
                Some(Destination::Langfuse(LangfuseDestination {
                    base_url,
                    public_key,
                    secret_key,
                }))
            }
            (Some(_), None) => {
                warnings.push(format!(
                    "LANGFUSE_PUBLIC_KEY is set but LANGFUSE_SECRET_KEY is missing; {MISSING}"
                ));
                None
            }
            (None, Some(_)) => {
                warnings.push(format!(
                    "LANGFUSE_SECRET_KEY is set but LANGFUSE_PUBLIC_KEY is missing; {MISSING}"
                ));
                None
            }
            (None, None) => otlp(self.otlp_endpoint, self.otlp_headers, env, warnings),
        }
    }
}

/// The two mistakes that are told from the keys themselves. Other shapes are legitimate: a
/// self-hosted Langfuse may be initialised with any keys.
fn check_keys(public_key: &str, secret_key: &Secret, warnings: &mut Warnings) {
    if public_key.starts_with("sk-") || secret_key.expose().starts_with("pk-") {
        warnings.push(
            "LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY look swapped: the public key begins with pk-, the secret \
             key with sk-. They are used as they are, and Langfuse will refuse them"
                .to_owned(),
        );
    }
    for (variable, key) in [
        ("LANGFUSE_PUBLIC_KEY", public_key),
        ("LANGFUSE_SECRET_KEY", secret_key.expose()),
    ] {
        if key.chars().any(|c| c.is_whitespace() || c.is_control()) || !key.is_ascii() {
            warnings.push(format!(
                "{variable} ({} characters) holds white space or characters that no key has: copy it again",
                key.chars().count()
            ));
        }
    }
}

fn base_url(argument: Option<String>, env: &Environment, warnings: &mut Warnings) -> String {
    let found = match argument {
        Some(url) => Some(("base_url", url)),
        None => env
            .first(BASE_URL_VARIABLES)
            .map(|(variable, url)| (variable, url.to_owned())),
    };
    let Some((source, url)) = found else {
        return DEFAULT_BASE_URL.to_owned();
    };
    if let Some(uri) = parse_url(&url) {
        warn_of_plain_http(source, &uri, warnings);
        without_userinfo(url.trim().trim_end_matches('/'))
    } else {
        warnings.push(format!(
            "{source}={:?} is not an http or https URL such as https://us.cloud.langfuse.com; using {DEFAULT_BASE_URL} instead",
            shown(&url)
        ));
        DEFAULT_BASE_URL.to_owned()
    }
}

/// The variables and the path rule are those of the OTLP exporter specification ("Endpoint URLs
/// for OTLP/HTTP").
fn otlp(
    argument: Option<String>,
    mut headers: Vec<(String, Secret)>,
    env: &Environment,
    warnings: &mut Warnings,
) -> Option<Destination> {
    let found = argument
        .map(|url| ("otlp_endpoint", url))
        .or_else(|| {
            let url = env.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")?;
            Some(("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", url.to_owned()))
        })
        .or_else(|| {
            let url = env.get("OTEL_EXPORTER_OTLP_ENDPOINT")?;
            Some((
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                format!("{}/v1/traces", url.trim_end_matches('/')),
            ))
        });
    let Some((source, url)) = found else {
        warnings.push(MISSING.to_owned());
        return None;
    };
    let Some(endpoint) = parse_url(&url) else {
        warnings.push(format!(
            "{source}={:?} is not an http or https URL such as http://collector:4318; {MISSING}",
            shown(&url)
        ));
        return None;
    };
    warn_of_plain_http(source, &endpoint, warnings);
    if let Some((variable, text)) = env.first(&[
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
        "OTEL_EXPORTER_OTLP_HEADERS",
    ]) {
        for entry in text
            .split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
        {
            let Some((name, value)) = entry.split_once('=') else {
                warnings.push(format!(
                    "{variable} has an entry without `=`, which is left out; write name=value,..."
                ));
                continue;
            };
            headers.push((
                name.trim().to_owned(),
                Secret::new(percent_decoded(value.trim())),
            ));
        }
    }
    headers.retain(|(name, value)| {
        let valid =
            HeaderName::try_from(name).is_ok() && HeaderValue::try_from(value.expose()).is_ok();
        if !valid {
            warnings.push(format!(
                "the OTLP header {:?} is not a valid HTTP header and is left out; write name=value,...",
                header_name(name)
            ));
        }
        valid
    });
    Some(Destination::Otlp { endpoint, headers })
}

/// The beginning of what was given as a header's name that can be one; the rest may be its value.
fn header_name(given: &str) -> &str {
    let end = given
        .find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_'))
        .unwrap_or(given.len());
    given.get(..end.min(64)).unwrap_or_default()
}

/// An absolute http or https URL with a host.
fn parse_url(url: &str) -> Option<Uri> {
    let uri: Uri = without_userinfo(url.trim()).parse().ok()?;
    // A port that is no port is skipped by the parser.
    let authority = uri.authority()?.as_str();
    let has_port = authority
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.ends_with(']'));
    if has_port && uri.port_u16().is_none() {
        return None;
    }
    let http = [Some(&Scheme::HTTP), Some(&Scheme::HTTPS)].contains(&uri.scheme());
    (http && uri.host().is_some_and(|host| !host.is_empty())).then_some(uri)
}

fn warn_of_plain_http(source: &str, uri: &Uri, warnings: &mut Warnings) {
    let host = uri.host().unwrap_or_default();
    if uri.scheme() == Some(&Scheme::HTTP) && !is_loopback(host) {
        warnings.push(format!(
            "{source} is plain http to {host}: keys and prompts travel unencrypted. Use https"
        ));
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// What was given for a URL, as it may be shown: without keys, and without what is before an `@`.
fn shown(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((_, host)) => format!("[redacted]@{}", redact_keys(host)),
        None => redact_keys(url).into_owned(),
    }
}

/// A URL without `user:password@`, which no back-end needs: the keys travel in a header.
fn without_userinfo(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    [scheme, "://", host, path].concat()
}

pub(crate) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let decoded = match (byte, tail) {
            (b'%', [high, low, ..]) => std::str::from_utf8(&[*high, *low])
                .ok()
                .and_then(|hex| u8::from_str_radix(hex, 16).ok()),
            _ => None,
        };
        if let Some(decoded) = decoded {
            bytes.push(decoded);
            rest = tail.get(2..).unwrap_or_default();
        } else {
            bytes.push(byte);
            rest = tail;
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}
