//! Handshakes that succeed, and those that must not.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsConnector;

use super::tests::Bench;
use super::tests::request;
use super::*;
use crate::failure::Code;
use crate::mock::adapter_test::Made;
use crate::mock::adapter_test::call;
use crate::mock::tls::Tls;
use crate::mock::tls::TlsKind;

async fn bench(kind: TlsKind) -> (Bench, String) {
    let tls = Tls::make(kind, Versions::default()).unwrap();
    let authority = tls.authority.clone();
    (Bench::with(LabSettings { tls: Some(tls), ..LabSettings::default() }).await, authority)
}

/// What a client that trusts the lab's authority reads, or why it does not.
async fn trusting(kind: TlsKind) -> Result<String, String> {
    let (bench, authority) = bench(kind).await;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let socket = bench.connect().await;
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let connected = TlsConnector::from(Arc::new(config)).connect(name, socket);
    let connected = tokio::time::timeout(Duration::from_millis(500), connected).await;
    let mut stream = connected.map_err(|_| "silence".to_owned())?.map_err(|error| error.to_string())?;
    stream.write_all(&request("echo", false)).await.unwrap();
    let mut piece = vec![0; 4096];
    let count = stream.read(&mut piece).await.unwrap();
    Ok(String::from_utf8_lossy(&piece[..count]).into_owned())
}

#[tokio::test]
async fn each_kind_is_what_it_is_called() {
    assert!(trusting(TlsKind::Valid).await.unwrap().starts_with("HTTP/1.1 200 "));
    for (kind, why) in [
        (TlsKind::Expired, "expired"),
        (TlsKind::WrongName, "not valid for name"),
        (TlsKind::Unknown, "UnknownIssuer"),
        (TlsKind::Hang, "silence"),
        (TlsKind::Reset, "reset"),
        (TlsKind::Plain, "InvalidContentType"),
    ] {
        let error = trusting(kind).await.unwrap_err();
        assert!(error.contains(why), "{kind:?}: {error}");
    }
}

#[tokio::test]
async fn the_adapter_sends_nothing_to_a_certificate_that_it_does_not_trust() {
    for (kind, expected) in [
        (TlsKind::Unknown, Made::Failed(Code::TlsFailed, false)),
        (TlsKind::Hang, Made::Waits),
        (TlsKind::Plain, Made::Failed(Code::TlsFailed, true)),
        (TlsKind::Reset, Made::Failed(Code::ConnectFailed, true)),
    ] {
        let (bench, _) = bench(kind).await;
        let url = format!("https://{}/v1", bench.address);
        assert_eq!(call(&bench, &url, "echo", true, Duration::from_secs(3)).await, expected, "{kind:?}");
        assert_eq!(bench.stats.of("echo").attempts, 0, "{kind:?}");
    }
}
