//! The address and the headers of an OTLP/HTTP back-end.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Uri,
    header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST, USER_AGENT},
    uri::{PathAndQuery, Scheme},
};
use http_body_util::Full;

use bytes::Bytes;

use crate::{
    config::{Destination, LangfuseDestination, Secret},
    error::Error,
};

/// Where requests go and what they carry.
#[derive(Debug)]
pub(crate) struct Endpoint {
    tls: bool,
    host: String,
    port: u16,
    /// What every request carries; the credentials are marked sensitive.
    headers: HeaderMap,
    traces: Uri,
    /// What only Langfuse has: `auth_check`, trace URLs and scores.
    langfuse: Option<LangfusePaths>,
}

#[derive(Debug)]
struct LangfusePaths {
    projects: Uri,
    ingestion: Uri,
}

impl Endpoint {
    /// # Errors
    ///
    /// A URL or header that the checks of the configuration let through but HTTP does not allow.
    pub(crate) fn new(destination: &Destination) -> Result<Self, Error> {
        match destination {
            Destination::Langfuse(langfuse) => Self::langfuse(langfuse),
            Destination::Otlp { endpoint, headers } => Self::otlp(endpoint, headers),
        }
    }

    /// Langfuse's endpoint and headers, ingestion version 4: rows appear within seconds instead
    /// of minutes (langfuse/langfuse, `otelIngestionQueue.ts`).
    fn langfuse(langfuse: &LangfuseDestination) -> Result<Self, Error> {
        let base: Uri = langfuse.base_url.parse().map_err(Error::configuration)?;
        let prefix = base.path().trim_end_matches('/').to_owned();
        let mut headers = HeaderMap::new();
        let pair = format!("{}:{}", langfuse.public_key, langfuse.secret_key.expose());
        let mut authorization = value(&format!("Basic {}", BASE64_STANDARD.encode(pair)))?;
        authorization.set_sensitive(true);
        headers.insert(AUTHORIZATION, authorization);
        headers.insert("x-langfuse-sdk-name", HeaderValue::from_static("warmspan"));
        headers.insert(
            "x-langfuse-sdk-version",
            HeaderValue::from_static(env!("CARGO_PKG_VERSION")),
        );
        headers.insert(
            "x-langfuse-ingestion-version",
            HeaderValue::from_static("4"),
        );
        // A mangled public key still deserves the server's 401, so a bad header is left out.
        if let Ok(public_key) = HeaderValue::try_from(&langfuse.public_key) {
            headers.insert("x-langfuse-public-key", public_key);
        }
        let path = |path: &str| {
            format!("{prefix}{path}")
                .parse()
                .map_err(Error::configuration)
        };
        let traces = path("/api/public/otel/v1/traces")?;
        let paths = LangfusePaths {
            projects: path("/api/public/projects")?,
            ingestion: path("/api/public/ingestion")?,
        };
        Self::build(&base, headers, traces, Some(paths))
    }

    fn otlp(endpoint: &Uri, given: &[(String, Secret)]) -> Result<Self, Error> {
        let mut headers = HeaderMap::new();
        for (name, secret) in given {
            let name = HeaderName::try_from(name).map_err(Error::configuration)?;
            let mut value = value(secret.expose())?;
            value.set_sensitive(true);
            headers.append(name, value);
        }
        let path = endpoint.path_and_query().cloned();
        let path = path.unwrap_or_else(|| PathAndQuery::from_static("/"));
        Self::build(endpoint, headers, path.into(), None)
    }

    fn build(
        uri: &Uri,
        mut headers: HeaderMap,
        traces: Uri,
        langfuse: Option<LangfusePaths>,
    ) -> Result<Self, Error> {
        let tls = uri.scheme() == Some(&Scheme::HTTPS);
        let host = uri
            .host()
            .unwrap_or_default()
            .trim_matches(['[', ']'])
            .to_owned();
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let authority = uri.authority().map_or("", |authority| {
            authority
                .as_str()
                .rsplit_once('@')
                .map_or(authority.as_str(), |(_, host)| host)
        });
        headers.insert(HOST, value(authority)?);
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("warmspan/", env!("CARGO_PKG_VERSION"))),
        );
        Ok(Self {
            tls,
            host,
            port,
            headers,
            traces,
            langfuse,
        })
    }

    /// A POST of an OTLP protobuf body.
    pub(crate) fn traces_request(&self, body: Bytes, gzipped: bool) -> Request<Full<Bytes>> {
        let mut request = self.request(Method::POST, &self.traces, body);
        let headers = request.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-protobuf"),
        );
        if gzipped {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        request
    }

    /// The GET that tells whether the keys are good, where the back-end has one.
    pub(crate) fn projects_request(&self) -> Option<Request<Full<Bytes>>> {
        let paths = self.langfuse.as_ref()?;
        Some(self.request(Method::GET, &paths.projects, Bytes::new()))
    }

    /// A POST of ingestion events, where the back-end takes them.
    pub(crate) fn ingestion_request(&self, body: Bytes) -> Option<Request<Full<Bytes>>> {
        let paths = self.langfuse.as_ref()?;
        let mut request = self.request(Method::POST, &paths.ingestion, body);
        request
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Some(request)
    }

    /// Whether this is Langfuse.
    pub(crate) fn is_langfuse(&self) -> bool {
        self.langfuse.is_some()
    }

    fn request(&self, method: Method, uri: &Uri, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }

    /// The host as people know it, for messages.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.tls
    }

    /// On loopback the round trip costs nothing, so compressing never pays.
    pub(crate) fn is_loopback(&self) -> bool {
        self.host == "localhost"
            || self
                .host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }
}

fn value(text: &str) -> Result<HeaderValue, Error> {
    // The error of `http` does not show the value.
    HeaderValue::try_from(text).map_err(Error::configuration)
}
