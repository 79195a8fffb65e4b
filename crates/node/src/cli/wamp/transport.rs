//! `--transport`: a URL, or a connecting transport of the dialect.

use transom_client::Transport;
use transom_config::{
    ConnectEndpoint, ConnectSerializer, ConnectTransport, RawSocketConnect, Serializer, TcpConnectConfig,
    TlsConnectConfig, UnixAddress, UnixConnectConfig, WebSocketConnect,
};

use super::SessionArgs;
use crate::cli::outcome::Trouble;
use crate::cli::part;
use crate::compose;
use crate::endpoints::connect::Means;

/// How the arguments say to reach the router.
pub(super) fn transport(args: &SessionArgs) -> Result<Transport, Trouble> {
    let scheme = args.transport.split_once("://").map(|(scheme, _)| scheme);
    let is_url = scheme.is_some_and(|scheme| scheme.bytes().all(|octet| octet.is_ascii_alphabetic()));
    let (transport, means) = if is_url {
        let transport =
            of_url(args).map_err(|why| Trouble::wrong(format!("--transport {}: {why}", args.transport)))?;
        // A URL does not say which family.
        (transport, Means { any_version: true, tor: args.tor.embedded(), ..Means::default() })
    } else {
        (configured(args)?, Means { tor: args.tor.embedded(), ..Means::default() })
    };
    Ok(compose::connect::transport(&transport, &means)?)
}

fn configured(args: &SessionArgs) -> Result<ConnectTransport, Trouble> {
    for (option, given) in [
        ("--serializer", args.serializer.is_some()),
        ("--ca-certificates", !args.ca_certificates.is_empty()),
        ("--certificate", args.certificate.is_some()),
    ] {
        if given {
            return Err(Trouble::wrong(format!("{option} is for URLs; the transport says it itself")));
        }
    }
    part::read(&args.transport, "connecting transport")
}

fn of_url(args: &SessionArgs) -> Result<ConnectTransport, String> {
    let url = args.transport.as_str();
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let (websocket, secure) = match scheme {
        "ws" => (true, false),
        "wss" => (true, true),
        "rs" => (false, false),
        "rss" => (false, true),
        _ => return Err("it must begin with ws://, wss://, rs:// or rss://".to_owned()),
    };
    if url.contains(|c: char| c.is_whitespace() || c.is_control() || c == '#') {
        return Err("it must hold neither blanks nor a fragment (#)".to_owned());
    }
    let certificates = args.certificate.is_some() || !args.ca_certificates.is_empty();
    if certificates && !secure {
        return Err("certificates are for wss:// and rss://".to_owned());
    }
    let endpoint = match rest.strip_prefix("unix:") {
        Some(_) if secure => {
            return Err("there is no TLS over Unix sockets; begin with ws:// or rs://".to_owned());
        }
        Some("") => return Err("name a socket after unix:".to_owned()),
        Some(path) => unix(path),
        None => tcp(args, rest, websocket, secure)?,
    };
    if websocket {
        let mut config = WebSocketConnect::new(endpoint, url.to_owned());
        if let Some(name) = &args.serializer {
            config.serializers = vec![named(Serializer::ALL, Serializer::name, name)?];
        }
        return Ok(ConnectTransport::WebSocket(Box::new(config)));
    }
    let name = args.serializer.as_deref().unwrap_or("json");
    let serializer = named(ConnectSerializer::ALL, ConnectSerializer::name, name)?;
    Ok(ConnectTransport::RawSocket(Box::new(RawSocketConnect::new(endpoint, serializer))))
}

fn named<T: Copy>(all: &[T], name_of: fn(T) -> &'static str, name: &str) -> Result<T, String> {
    let found = all.iter().copied().find(|serializer| name_of(*serializer) == name && name != "flatbuffers");
    found.ok_or_else(|| format!("there is no serializer {name:?}; there are json, msgpack, cbor and ubjson"))
}

fn unix(path: &str) -> ConnectEndpoint {
    let address = match path.strip_prefix('@') {
        Some(name) => UnixAddress::Abstract(name.to_owned()),
        None => UnixAddress::Path(path.into()),
    };
    ConnectEndpoint::Unix(UnixConnectConfig::new(address))
}

fn tcp(args: &SessionArgs, rest: &str, websocket: bool, secure: bool) -> Result<ConnectEndpoint, String> {
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    if authority.contains('@') {
        return Err("it must hold no user name; see --authid".to_owned());
    }
    let after_brackets = authority.rfind(']').map_or(0, |end| end + 1);
    let colon = authority.get(after_brackets..).and_then(|tail| tail.find(':')).map(|at| after_brackets + at);
    let (host, port) = match colon.and_then(|at| authority.split_at_checked(at)) {
        Some((host, port)) => (host, port.get(1..)),
        None => (authority, None),
    };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if host.is_empty() {
        return Err("it must name a host".to_owned());
    }
    let port = match port {
        Some(port) => port.parse().ok().filter(|port| *port > 0),
        None if websocket => Some(if secure { 443 } else { 80 }),
        None => None,
    };
    let port = port.ok_or("it must name a port of 1..65535 after the host")?;
    let mut config = TcpConnectConfig::new(host.to_owned(), port);
    config.tls = secure.then(|| TlsConnectConfig {
        ca_certificates: args.ca_certificates.clone(),
        key: args.key.clone(),
        certificate: args.certificate.clone(),
        ..TlsConnectConfig::new(host.to_owned())
    });
    Ok(ConnectEndpoint::Tcp(config))
}
