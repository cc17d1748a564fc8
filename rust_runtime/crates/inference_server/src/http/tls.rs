use std::{path::Path, sync::Arc};

use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

use crate::{StartError, config::TlsSettings};

/// Takes connections over by TLS, with the certificates and the key of two PEM files.
///
/// # Errors
/// What is wrong with a file, or why the key does not go with the certificate.
pub(super) fn acceptor(settings: &TlsSettings) -> Result<TlsAcceptor, StartError> {
    let (certificate, key) = (&settings.certificate, &settings.key);
    let certificates = certificates(certificate)?;
    let key_read = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| unusable(key, "private key", &error.to_string()))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(certificate, "certificate", &error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(certificates, key_read)
        .map_err(|error| unusable(key, "private key", &error.to_string()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, StartError> {
    let failed = |error: &dyn ToString| unusable(path, "certificate", &error.to_string());
    let read: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).map_err(|error| failed(&error))?.collect();
    let certificates = read.map_err(|error| failed(&error))?;
    if certificates.is_empty() {
        return Err(failed(&"it holds none"));
    }
    Ok(certificates)
}

fn unusable(path: &Path, what: &str, reason: &str) -> StartError {
    let message = format!("{} cannot be used as the {what}: {reason}", path.display());
    StartError::new("config", message).with_hint(
        "tls.certificate and tls.key are PEM files; the certificate of the server comes \
                    first, then those that sign it.",
    )
}
