//! An echo through Tor.
//!
//! - `echo serve STATE_DIR SETTINGS KEY_FILE PORT [CLIENT_KEY...]` serves the onion service whose expanded key, 64 octets,
//!   stands in the file, and says its address. Client keys are x25519 public keys in hex. For each line that it reads
//!   it withdraws the service and serves it again.
//! - `echo connect STATE_DIR SETTINGS HOST PORT` sends what it reads, a line at a time, and writes what comes back. Until
//!   the service is found it tries again.
//!
//! `SETTINGS` is a file for arti's client, or `-` for the public network.

use std::error::Error;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use transom_arti::{Isolation, Settings, Tor};
use transom_base::Stream;

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter()).init();
    match run(std::env::args().skip(1).collect()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn filter() -> tracing_subscriber::EnvFilter {
    let words = std::env::var("RUST_LOG").unwrap_or_else(|_| "error,transom_arti=info".to_owned());
    tracing_subscriber::EnvFilter::new(words)
}

async fn run(args: Vec<String>) -> Result<(), Box<dyn Error>> {
    rustls::crypto::aws_lc_rs::default_provider().install_default().map_err(|_| "a provider is there")?;
    let [what, state_dir, settings, target, port, rest @ ..] = args.as_slice() else {
        return Err("usage: see the first lines of this example".into());
    };
    let settings = Some(PathBuf::from(settings)).filter(|path| path.as_os_str() != "-");
    let tor = Tor::start(&Settings { state_dir: state_dir.into(), settings })?;
    match what.as_str() {
        "serve" => serve(&tor, target, port.parse()?, rest).await,
        _ => connect(&tor, target, port.parse()?).await,
    }
}

async fn serve(tor: &Tor, key: &str, port: u16, clients: &[String]) -> Result<(), Box<dyn Error>> {
    let key = std::fs::read(key)?.try_into().map_err(|_| "the key has not 64 octets")?;
    let clients: Vec<[u8; 32]> =
        clients.iter().map(|hex| octets(hex).ok_or("no key")).collect::<Result<_, _>>()?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    loop {
        let mut service = tor.serve(&key, port, &clients)?;
        tokio::io::stdout().write_all(format!("{}\n", service.address()).as_bytes()).await?;
        loop {
            tokio::select! {
                stream = service.accept() => match stream {
                    Some(stream) => drop(tokio::spawn(echo(stream))),
                    None => return Err(format!("{:?}", *service.status().borrow()).into()),
                },
                line = lines.next_line() => match line? {
                    Some(_) => break,
                    None => return Ok(()),
                }
            }
        }
    }
}

fn octets(hex: &str) -> Option<[u8; 32]> {
    let octets =
        hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    octets.collect::<Option<Vec<u8>>>()?.try_into().ok()
}

/// Writes back what comes, without flushing.
async fn echo(mut stream: Box<dyn Stream>) -> std::io::Result<()> {
    let mut buf = vec![0; 16 * 1024];
    loop {
        match stream.read(&mut buf).await? {
            0 => return stream.shutdown().await,
            count => stream.write_all(buf.get(..count).unwrap_or_default()).await?,
        }
    }
}

async fn connect(tor: &Tor, host: &str, port: u16) -> Result<(), Box<dyn Error>> {
    let isolation = Isolation::new();
    let mut stream = loop {
        match tor.connect(host, port, &isolation).await {
            Ok(stream) => break stream,
            Err(error) if error.kind() == ErrorKind::HostUnreachable => {
                tracing::info!("{error}");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Err(error) => return Err(error.into()),
        }
    };
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let line = line + "\n";
        stream.write_all(line.as_bytes()).await?;
        let mut answer = vec![0; line.len()];
        stream.read_exact(&mut answer).await?;
        tokio::io::stdout().write_all(&answer).await?;
    }
    stream.shutdown().await?;
    // Tor knows no stream that is open in one direction only.
    match stream.read(&mut [0]).await {
        Ok(0) => Ok(()),
        other => Err(format!("after its end the stream gave {other:?}").into()),
    }
}
