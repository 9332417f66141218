//! The TLS client configuration: rustls with ring and compiled-in web roots.
//!
//! The provider is named explicitly, because an application may have aws-lc-rs beside us and
//! rustls then refuses to guess. aws-lc-rs itself is avoided here: its first handshake costs tens
//! of milliseconds of CPU in a cold start.

use std::{path::Path, sync::Arc};

use crate::error::Error;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

/// A configuration that trusts `ca_file`, or the web roots without one.
///
/// # Errors
///
/// The file cannot be read or holds no certificate.
pub(crate) fn client_config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, Error> {
    let roots = match ca_file {
        Some(path) => roots_of_file(path)?,
        None => RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        },
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Error::tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn roots_of_file(path: &Path) -> Result<RootCertStore, Error> {
    let unusable =
        |reason: String| Error::tls(format!("SSL_CERT_FILE {}: {reason}", path.display()));
    let mut roots = RootCertStore::empty();
    let certificates =
        CertificateDer::pem_file_iter(path).map_err(|error| unusable(error.to_string()))?;
    let (added, _ignored) = roots.add_parsable_certificates(certificates.filter_map(Result::ok));
    if added == 0 {
        return Err(unusable("holds no certificate".to_owned()));
    }
    Ok(roots)
}
