//! TLS with a throw-away authority, in order or not: rows U6 to U8.

use std::fmt;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::sync::Arc;

use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::CertifiedIssuer;
use rcgen::DnType;
use rcgen::IsCa;
use rcgen::KeyPair;
use rcgen::KeyUsagePurpose;
use rcgen::SanType;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::Versions;
use super::line::Socket;

/// What is offered to clients that speak TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsKind {
    /// A certificate in order, issued by the authority.
    Valid,
    /// One that has expired (U6).
    Expired,
    /// One for another name (U6).
    WrongName,
    /// One of an authority that nobody knows (U6).
    Unknown,
    /// The handshake is begun and never answered (U7).
    Hang,
    /// The handshake is answered with a RST (U8).
    Reset,
    /// The handshake is answered in plain HTTP (U8).
    Plain,
}

impl TlsKind {
    /// Every kind, by its name.
    pub const ALL: [(&str, TlsKind); 7] = [
        ("valid", TlsKind::Valid),
        ("expired", TlsKind::Expired),
        ("wrong-name", TlsKind::WrongName),
        ("unknown", TlsKind::Unknown),
        ("hang", TlsKind::Hang),
        ("reset", TlsKind::Reset),
        ("plain", TlsKind::Plain),
    ];
}

/// Certificates that cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("the certificates cannot be made: {0}")]
pub struct Unmade(String);

impl Unmade {
    fn of(error: impl fmt::Display) -> Unmade {
        Unmade(error.to_string())
    }
}

/// An authority that lives as long as the lab, and what it offers.
#[derive(Clone)]
pub struct Tls {
    /// What is offered.
    pub kind: TlsKind,
    /// The authority's certificate, for clients to trust.
    pub authority: String,
    acceptor: TlsAcceptor,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tls({:?})", self.kind)
    }
}

impl Tls {
    /// Makes an authority and a certificate, both new; offers these versions of HTTP.
    pub fn make(kind: TlsKind, versions: Versions) -> Result<Tls, Unmade> {
        let authority = issuer("askstream fault lab, throw-away authority")?;
        let stranger = issuer("an authority that nobody knows")?;
        let signer = if kind == TlsKind::Unknown { &stranger } else { &authority };
        let key = KeyPair::generate().map_err(Unmade::of)?;
        let certificate = leaf(kind)?.signed_by(&key, signer).map_err(Unmade::of)?;
        let chain = vec![certificate.der().clone()];
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(Unmade::of)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(Unmade::of)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(Unmade::of)?;
        let offered: &[&str] = match versions {
            Versions::Both => &["h2", "http/1.1"],
            Versions::Http1 => &["http/1.1"],
        };
        config.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
        Ok(Tls { kind, authority: authority.pem(), acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    /// Shakes hands; none if the client did not like what it got.
    pub(super) async fn accept(&self, socket: TcpStream) -> Option<Box<dyn Socket>> {
        let stream = Box::pin(self.acceptor.accept(socket)).await.ok()?;
        Some(Box::new(stream))
    }
}

impl Socket for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }

    fn has_agreed_on_http2(&self) -> bool {
        self.get_ref().1.alpn_protocol() == Some(b"h2")
    }
}

fn issuer(name: &str) -> Result<CertifiedIssuer<'static, KeyPair>, Unmade> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().map_err(Unmade::of)?;
    CertifiedIssuer::self_signed(params, key).map_err(Unmade::of)
}

fn leaf(kind: TlsKind) -> Result<CertificateParams, Unmade> {
    let name = if kind == TlsKind::WrongName { "elsewhere.invalid" } else { "localhost" };
    let mut params = CertificateParams::new(vec![name.to_owned()]).map_err(Unmade::of)?;
    if kind != TlsKind::WrongName {
        params.subject_alt_names.push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    }
    params.distinguished_name.push(DnType::CommonName, name);
    params.use_authority_key_identifier_extension = true;
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let (from, to) = if kind == TlsKind::Expired { (-400, -30) } else { (-2, 200) };
    let day = |days: i64| {
        let day = today.saturating_add(jiff::Span::new().days(days));
        rcgen::date_time_ymd(day.year().into(), day.month() as u8, day.day() as u8)
    };
    (params.not_before, params.not_after) = (day(from), day(to));
    Ok(params)
}
