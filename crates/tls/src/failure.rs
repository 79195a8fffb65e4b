//! Why a handshake failed, in words for whoever runs the node.

use std::io;

use rustls::{AlertDescription, Error, PeerIncompatible};
use transom_base::ErrorKind;
use transom_endpoint::EndpointError;

use crate::verify::Told;

/// What a server means that misses a certificate.
const WANTED: &str = "it wants a client certificate; give key and certificate";

/// Which end we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Server,
    Client,
}

/// The error of a step for a failed handshake. `why` is why a certificate was refused, if one was.
pub(crate) fn failed(step: String, side: Side, error: io::Error, told: Told) -> EndpointError {
    let peer = side.peer();
    let rustls = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    let (kind, text) = match rustls {
        Some(Error::InvalidCertificate(error)) => match told.why {
            Some(why) => return EndpointError::Upgrade { step, kind: ErrorKind::Tls, source: why.into() },
            None => (ErrorKind::Tls, format!("the {peer} is not trusted: {error}")),
        },
        // What OpenSSL says by TLS 1.2 when it misses a certificate.
        Some(Error::AlertReceived(AlertDescription::HandshakeFailure)) if told.asked_in_vain => {
            (ErrorKind::Tls, format!("the {peer} refused: {WANTED} (alert HandshakeFailure)"))
        }
        Some(error) => (ErrorKind::Tls, words(side, error)),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            let text = format!("the {peer} closed the connection in the middle of the handshake");
            (ErrorKind::PeerClosed, text)
        }
        None => (ErrorKind::PeerClosed, error.to_string()),
    };
    EndpointError::Upgrade { step, kind, source: text.into() }
}

/// What the server's TLS says in this error of an open connection; none where that is not what it is about. With TLS 1.3
/// a server that refuses a client's certificate says so when the client's handshake is over.
pub fn refusal_of_server(error: &io::Error) -> Option<String> {
    let error = error.get_ref()?.downcast_ref::<Error>()?;
    Some(words(Side::Client, error))
}

impl Side {
    fn peer(self) -> &'static str {
        match self {
            Side::Server => "client",
            Side::Client => "server",
        }
    }
}

fn words(side: Side, error: &Error) -> String {
    let peer = side.peer();
    match error {
        Error::AlertReceived(alert) => format!("the {peer} refused: {}", refusal(side, *alert)),
        Error::NoCertificatesPresented => {
            "the client shows no certificate, and client_auth asks for one".to_owned()
        }
        Error::InvalidMessage(_) => format!("the {peer} sends what is not TLS ({error})"),
        Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon) => {
            format!("the {peer} offers no cipher suite that is spoken here")
        }
        Error::PeerIncompatible(PeerIncompatible::NoKxGroupsInCommon) => {
            format!("the {peer} offers no group for the key exchange that is spoken here")
        }
        Error::PeerIncompatible(PeerIncompatible::NoSignatureSchemesInCommon) => {
            format!("the {peer} cannot verify signatures of this certificate's kind")
        }
        Error::PeerIncompatible(
            PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::Tls13RequiredForQuic
            | PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::SupportedVersionsExtensionRequired,
        ) => {
            format!("the {peer} speaks no version of TLS that is allowed here (see min_version)")
        }
        Error::PeerMisbehaved(_)
        | Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. }
        | Error::PeerSentOversizedRecord
        | Error::DecryptError => format!("the {peer} breaks the protocol: {error}"),
        other => other.to_string(),
    }
}

/// What an alert of the peer means for us.
fn refusal(side: Side, alert: AlertDescription) -> String {
    use AlertDescription as Alert;
    let name = format!("alert {alert:?}");
    let text = match (side, alert) {
        (Side::Server, Alert::UnknownCA) => "it does not trust the issuer of our certificate",
        (Side::Server, Alert::CertificateExpired) => "our certificate has expired, it says",
        (Side::Server, Alert::BadCertificate | Alert::CertificateUnknown | Alert::UnsupportedCertificate) => {
            "it does not accept our certificate"
        }
        (Side::Client, Alert::CertificateRequired) => WANTED,
        (Side::Client, Alert::UnknownCA) => "it does not trust the issuer of our client certificate",
        (Side::Client, Alert::CertificateExpired) => "our client certificate has expired, it says",
        (Side::Client, Alert::BadCertificate | Alert::CertificateUnknown | Alert::UnsupportedCertificate) => {
            "it does not accept our client certificate, or that there is none"
        }
        (_, Alert::UnrecognisedName) => "it has no certificate for the name that was asked for",
        (_, Alert::ProtocolVersion) => "it speaks no version of TLS that is allowed here (see min_version)",
        (_, Alert::NoApplicationProtocol) => "it speaks none of the protocols offered by ALPN",
        (_, Alert::HandshakeFailure) => "it finds nothing in common to go on with, such as a cipher suite",
        _ => return name,
    };
    format!("{text} ({name})")
}
