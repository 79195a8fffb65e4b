//! Endpoint strings of Twisted, the part of them that is understood here: `server_string` and `client_string` of
//! endpoints with the type `twisted`.
//!
//! A string is fields between colons, the first of which names the kind; a field with an equals sign has a name, one
//! without is known by its place, and a backslash takes the special meaning from the character behind it.
//!
//! | | understood |
//! |---|---|
//! | server | `tcp:PORT[:interface=ADDR][:backlog=N]` |
//! | | `tcp6:PORT[:interface=ADDR]` |
//! | | `unix:PATH[:mode=OCT][:backlog=N]` |
//! | | `ssl:PORT[:privateKey=F][:certKey=F][:extraCertChain=F][:interface=ADDR]` |
//! | client | `tcp:HOST:PORT[:timeout=S]`, also `tcp:host=HOST:port=PORT` |
//! | | `unix:PATH` |
//! | | `tls:HOST:PORT` |

use std::fmt;
use std::time::Duration;

/// What a server string says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Server {
    /// `tcp:` or `tcp6:`
    Tcp(TcpServer),
    /// `unix:`
    Unix {
        /// The socket file.
        path: String,
        /// Its permission bits.
        mode: Option<u32>,
        /// Length of the accept queue.
        backlog: Option<u16>,
    },
    /// `ssl:`. Names of files are relative to the folder the process runs in.
    Ssl {
        /// Where to listen.
        tcp: TcpServer,
        /// File with the private key; Twisted's default is `server.pem`.
        private_key: Option<String>,
        /// File with the certificate; Twisted's default is that of the key.
        cert_key: Option<String>,
        /// File with the other certificates of the chain.
        extra_cert_chain: Option<String>,
    },
}

/// A TCP port to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TcpServer {
    /// 1..=65535
    pub port: u16,
    /// Whether it was written `tcp6`.
    pub v6: bool,
    /// The address to bind; every address of the family when absent.
    pub interface: Option<String>,
    /// Length of the accept queue.
    pub backlog: Option<u16>,
}

/// What a client string says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Client {
    /// `tcp:`
    Tcp {
        /// Name or address.
        host: String,
        /// 1..=65535
        port: u16,
        /// Time for connecting.
        timeout: Option<Duration>,
    },
    /// `unix:`
    Unix {
        /// The socket file.
        path: String,
    },
    /// `tls:`
    Tls {
        /// Name or address; also the name that is expected in the certificate.
        host: String,
        /// 1..=65535
        port: u16,
    },
}

/// Why an endpoint string is not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TwistedError {
    /// It is of a kind that is not understood.
    Kind {
        /// What stands there.
        kind: String,
        /// The kinds that are.
        known: &'static str,
    },
    /// A field is missing.
    Missing {
        /// Its name.
        field: &'static str,
    },
    /// A field is not understood for this kind.
    Field {
        /// The kind.
        kind: &'static str,
        /// The field as it stands there.
        field: String,
    },
    /// A field stands there twice.
    Twice {
        /// Its name.
        field: String,
    },
    /// A field has a value that it cannot have.
    Value {
        /// Its name.
        field: &'static str,
        /// What stands there.
        value: String,
        /// What may stand there.
        allowed: &'static str,
    },
    /// The last character is a backslash.
    Backslash,
}

impl fmt::Display for TwistedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TwistedError::Kind { kind, known } => {
                write!(f, "it begins with '{kind}'; supported are {known}")
            }
            TwistedError::Missing { field } => write!(f, "there is no {field}"),
            TwistedError::Field { kind, field } if field.is_empty() => {
                write!(f, "a field of '{kind}:' is empty; a colon within a value is written '\\:'")
            }
            TwistedError::Field { kind, field } => write!(f, "'{field}' is not supported in '{kind}:'"),
            TwistedError::Twice { field } => write!(f, "{field} stands there twice"),
            TwistedError::Value { field, value, allowed } => {
                write!(f, "{field} is '{value}'; allowed is {allowed}")
            }
            TwistedError::Backslash => f.write_str("nothing follows the last backslash"),
        }
    }
}

const PORT: &str = "a number from 1 to 65535";

/// Reads a `server_string`.
///
/// # Errors
///
/// It is malformed, or of a kind or with a field that is not understood.
pub(crate) fn server(text: &str) -> Result<Server, TwistedError> {
    let mut fields = Fields::parse(text)?;
    let kind = match fields.kind.as_str() {
        "tcp" => "tcp",
        "tcp6" => "tcp6",
        "unix" => "unix",
        "ssl" => "ssl",
        _ => return Err(fields.unknown("tcp, tcp6, unix and ssl")),
    };
    let server = match kind {
        "unix" => Server::Unix {
            path: fields.required(0, "path", &[])?,
            mode: fields.named("mode").map(|text| mode(&text)).transpose()?,
            backlog: fields.named("backlog").map(|text| backlog(&text)).transpose()?,
        },
        _ => {
            let queue = if kind == "tcp" { fields.named("backlog") } else { None };
            let tcp = TcpServer {
                port: port(&fields.required(0, "port", &[])?)?,
                v6: kind == "tcp6",
                interface: fields.named("interface").filter(|text| !text.is_empty()),
                backlog: queue.map(|text| backlog(&text)).transpose()?,
            };
            if kind == "ssl" {
                Server::Ssl {
                    tcp,
                    private_key: fields.named("privateKey"),
                    cert_key: fields.named("certKey"),
                    extra_cert_chain: fields.named("extraCertChain"),
                }
            } else {
                Server::Tcp(tcp)
            }
        }
    };
    fields.finish(kind).map(|()| server)
}

/// Reads a `client_string`.
///
/// # Errors
///
/// It is malformed, or of a kind or with a field that is not understood.
pub(crate) fn client(text: &str) -> Result<Client, TwistedError> {
    let mut fields = Fields::parse(text)?;
    let (kind, client) = match fields.kind.as_str() {
        "tcp" => {
            let host = fields.required(0, "host", &["host"])?;
            let port = port(&fields.required(1, "port", &["port"])?)?;
            let timeout = fields.named("timeout").map(|text| timeout(&text)).transpose()?;
            ("tcp", Client::Tcp { host, port, timeout })
        }
        "unix" => ("unix", Client::Unix { path: fields.required(0, "path", &[])? }),
        "tls" => {
            let host = fields.required(0, "host", &[])?;
            ("tls", Client::Tls { host, port: port(&fields.required(1, "port", &[])?)? })
        }
        _ => return Err(fields.unknown("tcp, unix and tls")),
    };
    fields.finish(kind).map(|()| client)
}

/// The fields of a string; they are taken out as they are understood.
struct Fields {
    kind: String,
    /// Those without a name, in their places.
    placed: Vec<Option<String>>,
    named: Vec<(String, String)>,
}

impl Fields {
    fn parse(text: &str) -> Result<Self, TwistedError> {
        let mut fields = split(text)?.into_iter();
        let kind = fields.next().map(|(_, value)| value).unwrap_or_default();
        let (mut placed, mut named) = (Vec::new(), Vec::new());
        for (name, value) in fields {
            match name {
                None => placed.push(Some(value)),
                Some(name) if named.iter().any(|(other, _)| *other == name) => {
                    return Err(TwistedError::Twice { field: name });
                }
                Some(name) => named.push((name, value)),
            }
        }
        Ok(Fields { kind, placed, named })
    }

    /// A field that must be there, at this place or under one of these names.
    fn required(
        &mut self,
        place: usize,
        field: &'static str,
        names: &[&str],
    ) -> Result<String, TwistedError> {
        let placed = self.placed.get_mut(place).and_then(Option::take);
        let mut found: Vec<_> = placed.into_iter().collect();
        found.extend(names.iter().filter_map(|name| self.named(name)));
        let value = found.pop().filter(|value| !value.is_empty());
        match value {
            Some(_) if !found.is_empty() => Err(TwistedError::Twice { field: field.into() }),
            Some(value) => Ok(value),
            None => Err(TwistedError::Missing { field }),
        }
    }

    fn named(&mut self, name: &str) -> Option<String> {
        let at = self.named.iter().position(|(found, _)| found == name)?;
        Some(self.named.remove(at).1)
    }

    /// Nothing is left that was not understood.
    fn finish(self, kind: &'static str) -> Result<(), TwistedError> {
        let named = self.named.into_iter().map(|(name, value)| format!("{name}={value}"));
        match self.placed.into_iter().flatten().chain(named).next() {
            Some(field) => Err(TwistedError::Field { kind, field }),
            None => Ok(()),
        }
    }

    fn unknown(self, known: &'static str) -> TwistedError {
        TwistedError::Kind { kind: self.kind, known }
    }
}

/// Cuts at colons, and each field at its first equals sign, neither behind a backslash.
fn split(text: &str) -> Result<Vec<(Option<String>, String)>, TwistedError> {
    let mut fields = Vec::new();
    let (mut name, mut value) = (None, String::new());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => value.push(characters.next().ok_or(TwistedError::Backslash)?),
            ':' => fields.push((name.take(), std::mem::take(&mut value))),
            '=' if name.is_none() => name = Some(std::mem::take(&mut value)),
            other => value.push(other),
        }
    }
    fields.push((name, value));
    Ok(fields)
}

fn port(text: &str) -> Result<u16, TwistedError> {
    let found = digits(text).and_then(|text| text.parse().ok()).filter(|port| *port > 0);
    found.ok_or_else(|| TwistedError::Value { field: "port", value: text.into(), allowed: PORT })
}

fn backlog(text: &str) -> Result<u16, TwistedError> {
    let found = digits(text).and_then(|text| text.parse().ok()).filter(|backlog| *backlog > 0);
    found.ok_or_else(|| TwistedError::Value { field: "backlog", value: text.into(), allowed: PORT })
}

fn mode(text: &str) -> Result<u32, TwistedError> {
    let found = digits(text).and_then(|text| u32::from_str_radix(text, 8).ok());
    let allowed = "an octal number from 0 to 777";
    let found = found.filter(|mode| *mode <= 0o777);
    found.ok_or_else(|| TwistedError::Value { field: "mode", value: text.into(), allowed })
}

fn timeout(text: &str) -> Result<Duration, TwistedError> {
    let found = digits(text).and_then(|text| text.parse().ok()).filter(|seconds| *seconds <= 600);
    let allowed = "a number of seconds from 0 to 600";
    let wrong = || TwistedError::Value { field: "timeout", value: text.into(), allowed };
    found.map(Duration::from_secs).ok_or_else(wrong)
}

/// The text, if it is one or more decimal digits.
fn digits(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(port: u16, v6: bool, interface: Option<&str>, backlog: Option<u16>) -> TcpServer {
        TcpServer { port, v6, interface: interface.map(Into::into), backlog }
    }

    #[test]
    fn server_strings_when_supported_are_read() {
        let unix = |path: &str, mode, backlog| Server::Unix { path: path.into(), mode, backlog };
        for (text, expected) in [
            ("tcp:8080", Server::Tcp(tcp(8080, false, None, None))),
            ("tcp:8080:interface=127.0.0.1", Server::Tcp(tcp(8080, false, Some("127.0.0.1"), None))),
            (
                "tcp:65535:backlog=7:interface=localhost",
                Server::Tcp(tcp(65535, false, Some("localhost"), Some(7))),
            ),
            ("tcp:8080:interface=", Server::Tcp(tcp(8080, false, None, None))),
            ("tcp6:1", Server::Tcp(tcp(1, true, None, None))),
            (r"tcp6:8080:interface=\:\:1", Server::Tcp(tcp(8080, true, Some("::1"), None))),
            ("unix:/run/node.sock", unix("/run/node.sock", None, None)),
            ("unix:node.sock:mode=0660:backlog=5", unix("node.sock", Some(0o660), Some(5))),
            (r"unix:/run/a\:b\=c\\d:mode=600", unix(r"/run/a:b=c\d", Some(0o600), None)),
            (
                "ssl:443:privateKey=key.pem:certKey=cert.pem:extraCertChain=chain.pem:interface=192.0.2.1",
                Server::Ssl {
                    tcp: tcp(443, false, Some("192.0.2.1"), None),
                    private_key: Some("key.pem".into()),
                    cert_key: Some("cert.pem".into()),
                    extra_cert_chain: Some("chain.pem".into()),
                },
            ),
            (
                "ssl:443",
                Server::Ssl {
                    tcp: tcp(443, false, None, None),
                    private_key: None,
                    cert_key: None,
                    extra_cert_chain: None,
                },
            ),
        ] {
            assert_eq!(server(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn client_strings_when_supported_are_read() {
        let tcp = |host: &str, port, timeout: Option<u64>| Client::Tcp {
            host: host.into(),
            port,
            timeout: timeout.map(Duration::from_secs),
        };
        for (text, expected) in [
            ("tcp:example.com:8080", tcp("example.com", 8080, None)),
            ("tcp:example.com:8080:timeout=0", tcp("example.com", 8080, Some(0))),
            ("tcp:host=example.com:port=80:timeout=600", tcp("example.com", 80, Some(600))),
            ("tcp:port=80:host=example.com", tcp("example.com", 80, None)),
            (r"tcp:\:\:1:80", tcp("::1", 80, None)),
            ("unix:/run/node.sock", Client::Unix { path: "/run/node.sock".into() }),
            ("tls:example.com:443", Client::Tls { host: "example.com".into(), port: 443 }),
        ] {
            assert_eq!(client(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn strings_when_not_supported_say_what_and_why() {
        let port = "allowed is a number from 1 to 65535";
        for (text, message) in [
            ("", "it begins with ''; supported are tcp, tcp6, unix and ssl".to_owned()),
            ("8080", "it begins with '8080'; supported are tcp, tcp6, unix and ssl".into()),
            (
                "systemd:domain=INET:index=0",
                "it begins with 'systemd'; supported are tcp, tcp6, unix and ssl".into(),
            ),
            ("TCP:80", "it begins with 'TCP'; supported are tcp, tcp6, unix and ssl".into()),
            ("tcp", "there is no port".into()),
            ("tcp:", "there is no port".into()),
            ("tcp:interface=127.0.0.1", "there is no port".into()),
            ("tcp:0", format!("port is '0'; {port}")),
            ("tcp:65536", format!("port is '65536'; {port}")),
            ("tcp:-1", format!("port is '-1'; {port}")),
            ("tcp:+1", format!("port is '+1'; {port}")),
            ("tcp:http", format!("port is 'http'; {port}")),
            ("tcp:80:backlog=0", format!("backlog is '0'; {port}")),
            ("tcp:80:backlog=", format!("backlog is ''; {port}")),
            ("tcp:80:backlog=1:backlog=2", "backlog stands there twice".into()),
            ("tcp:80:127.0.0.1", "'127.0.0.1' is not supported in 'tcp:'".into()),
            ("tcp:port=80", "there is no port".into()),
            ("tcp:80:shared=1", "'shared=1' is not supported in 'tcp:'".into()),
            ("tcp6:80:backlog=5", "'backlog=5' is not supported in 'tcp6:'".into()),
            (
                "tcp6:80:interface=::1",
                r"a field of 'tcp6:' is empty; a colon within a value is written '\:'".into(),
            ),
            ("unix:", "there is no path".into()),
            ("unix:s:mode=8", "mode is '8'; allowed is an octal number from 0 to 777".into()),
            ("unix:s:mode=1777", "mode is '1777'; allowed is an octal number from 0 to 777".into()),
            ("unix:s:lockfile=1", "'lockfile=1' is not supported in 'unix:'".into()),
            ("ssl:443:sslmethod=TLSv1_METHOD", "'sslmethod=TLSv1_METHOD' is not supported in 'ssl:'".into()),
            (r"unix:s\", "nothing follows the last backslash".into()),
        ] {
            let error = server(text).unwrap_err().to_string();
            assert_eq!(error, message, "{text}");
        }
        for (text, message) in [
            ("ssl:example.com:443", "it begins with 'ssl'; supported are tcp, unix and tls".to_owned()),
            ("tcp:example.com", "there is no port".into()),
            ("tcp::80", "there is no host".into()),
            ("tcp:example.com:80:host=example.org", "host stands there twice".into()),
            ("tcp:example.com:0", format!("port is '0'; {port}")),
            (
                "tcp:example.com:80:timeout=601",
                "timeout is '601'; allowed is a number of seconds from 0 to 600".into(),
            ),
            (
                "tcp:example.com:80:timeout=1.5",
                "timeout is '1.5'; allowed is a number of seconds from 0 to 600".into(),
            ),
            ("tcp:example.com:80:bindAddress=lo", "'bindAddress=lo' is not supported in 'tcp:'".into()),
            ("unix:s:timeout=3", "'timeout=3' is not supported in 'unix:'".into()),
            ("tls:example.com:443:timeout=3", "'timeout=3' is not supported in 'tls:'".into()),
        ] {
            let error = client(text).unwrap_err().to_string();
            assert_eq!(error, message, "{text}");
        }
    }
}
