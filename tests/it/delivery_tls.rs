//! TLS with a certificate authority of one's own.

use std::{sync::Arc, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};
use warmspan::{Config, Sdk};

const BUDGET: Duration = Duration::from_secs(5);

/// A server on loopback with a certificate for `localhost`, and the PEM of its authority.
async fn server() -> (String, String) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(["localhost".to_owned()])
        .unwrap()
        .signed_by(&key, &authority)
        .unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that does not trust us hangs up here.
                let Ok(mut tls) = acceptor.accept(tcp).await else {
                    return;
                };
                let mut request = vec![0; 64 * 1024];
                while let Ok(1..) = tls.read(&mut request).await {
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
                    if tls.write_all(answer).await.is_err() || tls.flush().await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (format!("https://localhost:{port}"), authority.pem())
}

fn sdk(url: &str, ca_file: Option<&std::path::Path>) -> Sdk {
    let config = Config::new()
        .environment_variables([("LANGFUSE_PUBLIC_KEY", "pk"), ("LANGFUSE_SECRET_KEY", "sk")])
        .base_url(url);
    Sdk::new(match ca_file {
        Some(path) => config.ca_file(path),
        None => config,
    })
}

#[tokio::test]
async fn an_authority_from_a_file_is_trusted() {
    let (url, pem) = server().await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ca.pem");
    std::fs::write(&path, pem).unwrap();
    let sdk = sdk(&url, Some(&path));
    for _ in 0..2 {
        sdk.span("one").end();
        let report = sdk.force_flush(BUDGET).await;
        assert_eq!(report.delivered(), 1, "{report}");
    }
}

#[tokio::test]
async fn any_other_authority_is_not() {
    let (url, _) = server().await;
    let sdk = sdk(&url, None);
    sdk.span("one").end();
    let report = sdk.force_flush(BUDGET).await;
    assert_eq!((report.delivered(), report.kept()), (0, 1));
    let error = report.last_error().unwrap();
    assert!(
        error.is_connect() && error.to_string().contains("SSL_CERT_FILE"),
        "{error}"
    );
}

#[tokio::test]
async fn a_file_without_a_certificate_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("empty.pem");
    std::fs::write(&path, "nothing").unwrap();
    let (url, _) = server().await;
    let sdk = sdk(&url, Some(&path));
    sdk.span("one").end();
    let report = sdk.force_flush(BUDGET).await;
    let message = report.last_error().unwrap().to_string();
    assert!(
        message.contains("empty.pem") && message.contains("no certificate"),
        "{message}"
    );
    assert_eq!(report.kept(), 1);
}
