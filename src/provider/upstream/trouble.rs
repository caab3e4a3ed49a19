//! What went wrong on the way to a provider, in words.
//!
//! Errors of the client know our URLs; nothing of their text is passed on.

use std::error::Error;
use std::io;
use std::io::ErrorKind;

use rustls::CertificateError;

use crate::failure::Code;
use crate::failure::Failure;

/// The request failed before the head of an answer was there.
pub(super) fn before_an_answer(host: &str, error: &reqwest::Error) -> Failure {
    let causes: Vec<_> = causes(error).collect();
    if let Some(tls) = causes.iter().find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
        return tls_failed(host, tls);
    }
    if causes.iter().any(|cause| cause.to_string() == "dns error") {
        return unresolved(host, &causes);
    }
    let http = causes.iter().find_map(|cause| cause.downcast_ref::<hyper::Error>());
    if http.is_some_and(hyper::Error::is_parse) {
        let message = format!("{host} answered with something that is not HTTP.");
        return Failure::new(Code::UnreadableAnswer, message);
    }
    let kind = causes.iter().find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    let why = match kind {
        Some(ErrorKind::ConnectionRefused) => return refused(host),
        Some(ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable) => "unreachable",
        Some(ErrorKind::TimedOut) => "no answer",
        _ if error.is_connect() => "it could not be opened",
        _ => "closed before an answer began",
    };
    Failure::new(Code::ConnectFailed, format!("No connection to {host} ({why})."))
}

/// The connection broke after the head of an answer was there.
pub(super) fn in_an_answer(host: &str, _: &reqwest::Error) -> Failure {
    Failure::new(Code::CutMidAnswer, format!("The connection to {host} broke in the middle of the answer."))
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'a (dyn Error + 'static) = *error;
        // An io::Error passes over the error that it wraps when asked for its source.
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        }
    })
}

fn refused(host: &str) -> Failure {
    Failure::new(Code::ConnectFailed, format!("No connection to {host} (refused)."))
        .hint("Is the server at this address started?")
}

fn unresolved(host: &str, causes: &[&(dyn Error + 'static)]) -> Failure {
    let name = host.split(':').next().unwrap_or(host);
    let message = format!("Name \"{name}\" cannot be resolved.");
    let mut failure = Failure::new(Code::ConnectFailed, message);
    // A name that does not exist will not exist in a second either.
    let temporary = |text: String| text.contains("emporary failure") || text.contains("ry again");
    failure.retryable = causes.iter().any(|cause| temporary(cause.to_string()));
    failure.hint("Check base_url of the provider, and the network.")
}

fn tls_failed(host: &str, error: &rustls::Error) -> Failure {
    if let rustls::Error::InvalidCertificate(reason) = error {
        let message = format!("The certificate of {host} was not accepted: {}.", reason_in_words(reason));
        return Failure::new(Code::TlsFailed, message).hint("Check base_url, the certificate and the clock.");
    }
    let (why, hint) = match error {
        rustls::Error::InvalidMessage(_) => {
            ("it does not speak TLS", Some("Is it http:// and not https://?"))
        }
        rustls::Error::AlertReceived(_) => ("it refused the handshake", None),
        rustls::Error::PeerIncompatible(_) => ("it speaks only versions of TLS that are not safe", None),
        _ => ("the handshake broke", None),
    };
    let mut failure = Failure::new(Code::TlsFailed, format!("No secure connection to {host}: {why}."));
    // Unlike a bad certificate, a broken handshake may pass.
    failure.retryable = true;
    failure.hint = hint.map(str::to_owned);
    failure
}

fn reason_in_words(reason: &CertificateError) -> String {
    match reason {
        CertificateError::Expired => "it has expired".into(),
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("it expired on {}", day(not_after.as_secs()))
        }
        CertificateError::NotValidYet => "it is not valid yet".into(),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("it is not valid before {}", day(not_before.as_secs()))
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it belongs to another name".into()
        }
        CertificateError::UnknownIssuer => "nobody this computer trusts has issued it".into(),
        CertificateError::Revoked => "it was revoked".into(),
        CertificateError::BadSignature => "its signature is wrong".into(),
        _ => "it is not valid".into(),
    }
}

fn day(seconds: u64) -> String {
    let at = i64::try_from(seconds).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    at.map_or("an unknown day".into(), |at| at.strftime("%-d %b %Y").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_refused_in_words() {
        let expired = CertificateError::ExpiredContext {
            time: rustls::pki_types::UnixTime::since_unix_epoch(std::time::Duration::from_secs(
                1_800_000_000,
            )),
            not_after: rustls::pki_types::UnixTime::since_unix_epoch(std::time::Duration::from_secs(
                1_793_664_000,
            )),
        };
        let failure = tls_failed("llm.lan", &rustls::Error::InvalidCertificate(expired));
        assert_eq!(failure.message, "The certificate of llm.lan was not accepted: it expired on 3 Nov 2026.");
        assert!(!failure.retryable);
    }
}
