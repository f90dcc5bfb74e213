//! TLS 1.2 and 1.3 by rustls with ring, and whom it trusts: the system's authorities, and what `AIMON_CA_FILE` names.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;

use super::{Error, Origin};

/// How a TLS connection to a relay is made.
pub(super) fn config(origin: &Origin, ca_file: Option<&Path>) -> Result<ClientConfig, Error> {
    match origin.is_encrypted() {
        true => trusting(&origin.text(), ca_file),
        false => nobody().map_err(|e| Error::Tls { relay: origin.text(), why: e.to_string() }),
    }
}

/// How one to anybody is made whom the system trusts, or the user.
pub(super) fn trusting(whom: &str, ca_file: Option<&Path>) -> Result<ClientConfig, Error> {
    let failed = |e: TlsError| Error::Tls { relay: whom.to_owned(), why: e.to_string() };
    let own = ca_file.map(read).transpose()?.unwrap_or_default();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    #[cfg(not(target_os = "android"))]
    let system = Verifier::new_with_extra_roots(own.iter().cloned(), Arc::clone(&provider)).map_err(failed)?;
    #[cfg(target_os = "android")]
    let system = Verifier::new(Arc::clone(&provider)).map_err(failed)?;
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(failed)?;
    let trust = Arc::new(Trust { system, own });
    Ok(config.dangerous().with_custom_certificate_verifier(trust).with_no_client_auth())
}

/// Trusts nobody: for a relay on this machine, without encryption. The HTTP client must have something.
fn nobody() -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let failed = |why: String| Error::CaFile { path: path.to_owned(), why };
    let found = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let found: Vec<_> = found.map_err(|e| failed(e.to_string()))?;
    if found.is_empty() { Err(failed("there is none in it".to_owned())) } else { Ok(found) }
}

/// The system's judgement, but for a relay whose very certificate the user has named. A certificate that signs itself, as
/// `openssl req -x509` makes it, is an authority's: it may not stand for a server, and no judgement lets it pass.
#[derive(Debug)]
struct Trust {
    system: Verifier,
    own: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        // That the relay has the certificate's key is checked below, in any case.
        if self.own.iter().any(|own| own.as_ref() == certificate.as_ref()) {
            return Ok(ServerCertVerified::assertion());
        }
        self.system.verify_server_cert(certificate, between, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.system.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.system.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.system.supported_verify_schemes()
    }
}
