//! Octets in bulk through a relay: `transom endpoint pipe` beside socat, and beside HAProxy where it ends TLS.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use super::contender::{Certificate, Contender, folder, free_port, write};
use super::secure::{Link, config, secure};
use super::{Sample, Settings};
use crate::error::{Error, Result};

const MIB: usize = 1024 * 1024;

pub(super) fn contenders(settings: &Settings, tls: bool) -> Result<Vec<Contender>> {
    let mut all = vec![relay("transom", tls, |_, port, sink, certificate| {
        let mut listening = json!({"type": "tcp", "interface": "127.0.0.1", "port": port});
        if let Some(certificate) = certificate {
            listening["tls"] = json!({"key": certificate.key, "certificate": certificate.certificate});
        }
        let connecting = json!({"type": "tcp", "host": "127.0.0.1", "port": sink});
        let node = settings.node.to_string_lossy().into_owned();
        Ok(vec![node, "endpoint".into(), "pipe".into(), listening.to_string(), connecting.to_string()])
    })?];
    if tls {
        all.push(relay("haproxy", tls, |place, port, sink, certificate| {
            let both = certificate.map(|certificate| certificate.both.display().to_string()).unwrap_or_default();
            let text = format!(
                "global\n  nbthread 1\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n\
                 listen relay\n  bind 127.0.0.1:{port} ssl crt {both}\n  server sink 127.0.0.1:{sink}\n"
            );
            let file = place.join("haproxy.cfg");
            write(&file, &text)?;
            Ok(["/usr/sbin/haproxy", "-db", "-f", &file.to_string_lossy()].map(str::to_owned).to_vec())
        })?);
    } else {
        // One process for each connection: their time counts when they have ended.
        all.push(relay("socat", tls, |_, port, sink, _| {
            let listening = format!("TCP4-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork");
            Ok(vec!["socat".into(), listening, format!("TCP4:127.0.0.1:{sink}")])
        })?);
    }
    Ok(all)
}

fn relay(
    name: &'static str,
    tls: bool,
    command: impl FnOnce(&Path, u16, u16, Option<&Certificate>) -> Result<Vec<String>>,
) -> Result<Contender> {
    let place = folder()?;
    let certificate = tls.then(|| Certificate::make(place.path())).transpose()?;
    let sink = TcpListener::bind("127.0.0.1:0").map_err(Error::io("listening"))?;
    let sink_port = sink.local_addr().map_err(Error::io("listening"))?.port();
    let port = free_port()?;
    let command = command(place.path(), port, sink_port, certificate.as_ref())?;
    let mut contender = Contender::start(name, place, port, &command)?;
    if !tls {
        // The connection that showed that it listens went through.
        drop(sink.accept().map_err(Error::io("waiting for the relay"))?);
    }
    contender.authority = certificate.map(|certificate| certificate.authority);
    contender.sink = Some(sink);
    Ok(contender)
}

/// One connection, sent through as fast as it goes.
pub(super) fn sample(contender: &Contender, window: Duration) -> Result<Sample> {
    let Some(sink) = &contender.sink else { return Err(Error::Closed { during: "looking for the sink" }) };
    let io = contender.connect()?;
    let link = match &contender.authority {
        Some(authority) => secure(io, &config(authority, false)?)?,
        None => Link::Plain(io),
    };
    let (mut out, _) = sink.accept().map_err(Error::io("waiting for the relay"))?;
    let drain = std::thread::spawn(move || {
        let (mut buffer, mut total) = (vec![0; MIB], 0);
        while let Ok(read @ 1..) = out.read(&mut buffer) {
            total += read;
        }
        total
    });
    let block = vec![b'x'; MIB / 4];
    let (start, cpu) = (Instant::now(), contender.cpu()?);
    let mut link = link;
    while start.elapsed() < window {
        link.write_all(&block).map_err(Error::io("sending"))?;
    }
    link.flush().map_err(Error::io("sending"))?;
    drop(link);
    let total = drain.join().unwrap_or(0);
    let wall = start.elapsed();
    // Until a process that served the connection is gone.
    std::thread::park_timeout(Duration::from_millis(50));
    Ok(Sample { cpu: contender.cpu()? - cpu, wall, units: total as f64 / MIB as f64 })
}
