//! WebSocket messages that come back, so many of them on their way at a time.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use serde_json::json;

use super::contender::{Certificate, Contender, folder, free_port, write};
use super::secure::{Link, config, secure};
use super::{Sample, Settings};
use crate::error::{Error, Result};

/// Ours, tokio-tungstenite, and octets as they are.
pub(super) fn contenders(settings: &Settings, tls: bool) -> Result<Vec<Contender>> {
    let mut all = Vec::new();
    for (name, kind) in [("transom", None), ("tungstenite", Some("tungstenite")), ("octets", Some("relay"))] {
        let place = folder()?;
        let certificate = tls.then(|| Certificate::make(place.path())).transpose()?;
        let authority = certificate.as_ref().map(|certificate| certificate.authority.clone());
        let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
        let mut contender = match kind {
            Some(kind) => {
                let mut arguments = vec![kind.to_owned()];
                if let Some(certificate) = &certificate {
                    arguments.extend([text(&certificate.key), text(&certificate.certificate)]);
                }
                Contender::own(name, place, &arguments)?
            }
            None => {
                let port = free_port()?;
                let mut endpoint = json!({"type": "tcp", "interface": "127.0.0.1", "port": port});
                if let Some(certificate) = &certificate {
                    endpoint["tls"] =
                        json!({"key": text(&certificate.key), "certificate": text(&certificate.certificate)});
                }
                node(settings, place, port, &json!({"type": "websocket.testee", "endpoint": endpoint}))?
            }
        };
        contender.websocket = kind != Some("relay");
        contender.authority = authority;
        all.push(contender);
    }
    Ok(all)
}

/// A node with one transport.
pub(super) fn node(
    settings: &Settings,
    place: tempfile::TempDir,
    port: u16,
    transport: &serde_json::Value,
) -> Result<Contender> {
    let config = json!({"version": 2, "workers": [{"type": "router", "transports": [transport]}]});
    write(&place.path().join("config.json"), &config.to_string())?;
    let node = settings.node.to_string_lossy().into_owned();
    let dir = place.path().to_string_lossy().into_owned();
    let words = ["start", "--loglevel", "warn", "--cbdir"].map(str::to_owned);
    let command: Vec<String> = std::iter::once(node).chain(words).chain([dir]).collect();
    Contender::start("transom", place, port, &command)
}

/// Messages of so many octets, so many at a time.
pub(super) fn sample(
    contender: &Contender,
    size: usize,
    in_flight: usize,
    window: Duration,
) -> Result<Sample> {
    let io = contender.connect()?;
    let mut link = match &contender.authority {
        Some(authority) => secure(io, &config(authority, false)?)?,
        None => Link::Plain(io),
    };
    if contender.websocket {
        open(&mut link)?;
    }
    let message = frame(size);
    // What comes back is not masked.
    let returned = if contender.websocket { message.len() - 4 } else { message.len() };
    let ahead = message.repeat(in_flight);
    let mut buffer = vec![0; 256 * 1024];
    let (mut octets, mut whole) = (0, 0);
    let (start, cpu) = (Instant::now(), contender.cpu()?);
    link.write_all(&ahead).map_err(Error::io("sending"))?;
    link.flush().map_err(Error::io("sending"))?;
    while start.elapsed() < window {
        let read = link.read(&mut buffer).map_err(Error::io("reading"))?;
        if read == 0 {
            return Err(Error::Closed { during: "messages came back" });
        }
        octets += read;
        let done = octets / returned - whole;
        whole += done;
        link.write_all(ahead.get(..done * message.len()).unwrap_or(&ahead)).map_err(Error::io("sending"))?;
    }
    Ok(Sample { cpu: contender.cpu()? - cpu, wall: start.elapsed(), units: whole as f64 })
}

/// A binary message in one masked frame.
fn frame(size: usize) -> Vec<u8> {
    let mut frame = vec![0x82];
    match (u8::try_from(size), u16::try_from(size)) {
        (Ok(short), _) if short < 126 => frame.push(0x80 | short),
        (_, Ok(length)) => {
            frame.push(0x80 | 126);
            frame.extend(length.to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 127);
            frame.extend((size as u64).to_be_bytes());
        }
    }
    let mask = [0x1f, 0x2e, 0x3d, 0x4c];
    frame.extend(mask);
    frame.extend((0..size).map(|at| b'x' ^ mask[at % 4]));
    frame
}

fn open(link: &mut Link) -> Result<()> {
    let request = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    link.write_all(request.as_bytes()).map_err(Error::io("asking for WebSocket"))?;
    link.flush().map_err(Error::io("asking for WebSocket"))?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut octet = [0];
        link.read_exact(&mut octet).map_err(Error::io("asking for WebSocket"))?;
        answer.extend(octet);
    }
    if answer.starts_with(b"HTTP/1.1 101 ") {
        return Ok(());
    }
    Err(Error::Handshake { carrier: "WebSocket", answer: String::from_utf8_lossy(&answer).into_owned() })
}
