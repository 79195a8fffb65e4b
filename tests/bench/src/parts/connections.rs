//! Connections that come and go: accepted, and with a TLS handshake each.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use super::contender::{Certificate, Contender, folder, free_port, write};
use super::secure::{config, secure};
use super::{Sample, Settings, echo};
use crate::cli::print;
use crate::error::{Error, Result};

/// A node whose port sends octets back, and a bare loop.
pub(super) fn contenders(settings: &Settings) -> Result<Vec<Contender>> {
    let port = free_port()?;
    let endpoint = json!({"type": "tcp", "interface": "127.0.0.1", "port": port, "backlog": 1024});
    let ours =
        echo::node(settings, folder()?, port, &json!({"type": "stream.testee", "endpoint": endpoint}))?;
    Ok(vec![ours, Contender::own("bare loop", folder()?, &["accept".to_owned()])?])
}

/// Connects, ends and waits for the other end, one after the other.
pub(super) fn accept(contender: &Contender, window: Duration) -> Result<Sample> {
    let (start, cpu) = (Instant::now(), contender.cpu()?);
    let mut units = 0.0;
    while start.elapsed() < window {
        let mut io = contender.connect()?;
        io.shutdown(Shutdown::Write).map_err(Error::io("closing"))?;
        let _ = io.read(&mut [0]).map_err(Error::io("waiting for the end"))?;
        units += 1.0;
    }
    Ok(Sample { cpu: contender.cpu()? - cpu, wall: start.elapsed(), units })
}

/// A node and nginx, with the same kind of certificate.
pub(super) fn secure_contenders(settings: &Settings) -> Result<Vec<Contender>> {
    let place = folder()?;
    let certificate = Certificate::make(place.path())?;
    let port = free_port()?;
    let tls = json!({"key": certificate.key, "certificate": certificate.certificate});
    let endpoint = json!({"type": "tcp", "interface": "127.0.0.1", "port": port, "tls": tls});
    let mut ours =
        echo::node(settings, place, port, &json!({"type": "stream.testee", "endpoint": endpoint}))?;
    ours.authority = Some(certificate.authority);
    let mut all = vec![ours];
    if Path::new("/usr/sbin/nginx").is_file() {
        all.push(nginx()?);
    } else {
        print("nginx is not installed and left out")?;
    }
    Ok(all)
}

fn nginx() -> Result<Contender> {
    let place = folder()?;
    let certificate = Certificate::make(place.path())?;
    let (port, dir) = (free_port()?, place.path().display());
    let config = format!(
        "daemon off; master_process off; pid {dir}/pid; error_log {dir}/error.log;\n\
         events {{ worker_connections 1024; }}\n\
         http {{ access_log off; server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {};\n\
         ssl_certificate_key {}; ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:x:10m;\n\
         location / {{ return 200 x; }} }} }}\n",
        certificate.certificate.display(),
        certificate.key.display(),
    );
    let file = place.path().join("nginx.conf");
    write(&file, &config)?;
    let command = ["/usr/sbin/nginx", "-c", &file.to_string_lossy()].map(str::to_owned);
    let mut contender = Contender::start("nginx", place, port, &command)?;
    contender.authority = Some(certificate.authority);
    Ok(contender)
}

/// Connects, does the handshake, and says and hears something; with a session of an earlier connection, or without.
pub(super) fn handshake(contender: &Contender, resumed: bool, window: Duration) -> Result<Sample> {
    let authority = contender.authority.clone().unwrap_or_default();
    let config = config(&authority, resumed)?;
    let once = || -> Result<()> {
        let mut link = secure(contender.connect()?, &config)?;
        // An answer of some octets, which comes behind the session tickets.
        link.write_all(b"GET / HTTP/1.0\r\n\r\n").map_err(Error::io("asking"))?;
        let read = link.read(&mut [0; 64]).map_err(Error::io("waiting for an answer"))?;
        if read == 0 { Err(Error::Closed { during: "asking" }) } else { Ok(()) }
    };
    once()?;
    let (start, cpu) = (Instant::now(), contender.cpu()?);
    let mut units = 0.0;
    while start.elapsed() < window {
        once()?;
        units += 1.0;
    }
    Ok(Sample { cpu: contender.cpu()? - cpu, wall: start.elapsed(), units })
}
