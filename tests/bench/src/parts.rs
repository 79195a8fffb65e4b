//! The parts of a node beside programs that do the same: WebSocket beside tokio-tungstenite, TLS beside nginx, relaying
//! beside socat and HAProxy, accepting beside a bare loop. What counts is the processor time of the serving process for
//! each unit of work, in turns within one run; the load comes from
//! this process.
//!
//! Start reading at [`run`]; [`contender`] has the processes, [`servers`] those that are part of this program, and each
//! of the others one kind of load.

mod bulk;
mod connections;
mod contender;
mod deflate;
mod echo;
mod secure;
pub(crate) mod servers;

use std::path::PathBuf;
use std::time::Duration;

use crate::cli::print;
use crate::error::Result;
use contender::Contender;

/// What to measure.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The node's binary.
    pub(crate) node: PathBuf,
    /// Only cases whose name contains one of these; all, where there is none.
    pub(crate) cases: Vec<String>,
    /// Time of each run.
    pub(crate) window: Duration,
    /// Runs of each contender, of which the median counts.
    pub(crate) repeat: usize,
}

/// One contender's figures in a case.
struct Figures {
    name: &'static str,
    /// Processor time of the serving process for a unit, in nanoseconds: one for each run.
    cost: Vec<f64>,
    /// Units in a second: one for each run.
    rate: Vec<f64>,
}

/// One run of a case.
struct Sample {
    cpu: Duration,
    wall: Duration,
    units: f64,
}

/// Runs the cases and prints a row for each contender.
///
/// # Errors
///
/// A case cannot be run; those before it are printed.
pub(crate) fn run(settings: &Settings) -> Result<()> {
    print(&format!("processor time of the server for each unit, medians of {} runs", settings.repeat))?;
    print(&format!("{:<26} {:<14} {:>12} {:>14} {:>10}", "case", "server", "µs", "units/s", "× ours"))?;
    let wanted = |name: &str| {
        settings.cases.is_empty() || settings.cases.iter().any(|part| name.contains(part.as_str()))
    };
    for secure in [false, true] {
        for (size, in_flight) in [(64, 256), (1024, 64), (65_536, 4)] {
            let name = format!("echo {size} B{}", if secure { " TLS" } else { "" });
            if wanted(&name) {
                case(settings, &name, echo::contenders(settings, secure)?, |contender| {
                    echo::sample(contender, size, in_flight, settings.window)
                })?;
            }
        }
    }
    if wanted("accept") {
        case(settings, "accept", connections::contenders(settings)?, |contender| {
            connections::accept(contender, settings.window)
        })?;
    }
    for resumed in [false, true] {
        let name = if resumed { "TLS handshake, resumed" } else { "TLS handshake, full" };
        if wanted(name) {
            case(settings, name, connections::secure_contenders(settings)?, |contender| {
                connections::handshake(contender, resumed, settings.window)
            })?;
        }
    }
    for secure in [false, true] {
        let name = if secure { "relay MiB, TLS" } else { "relay MiB" };
        if wanted(name) {
            case(settings, name, bulk::contenders(settings, secure)?, |contender| {
                bulk::sample(contender, settings.window)
            })?;
        }
    }
    if wanted("deflate") {
        deflate::run(settings)?;
    }
    Ok(())
}

/// Measures the contenders in turns. The first is ours.
fn case(
    settings: &Settings,
    name: &str,
    contenders: Vec<Contender>,
    mut sample: impl FnMut(&Contender) -> Result<Sample>,
) -> Result<()> {
    let mut all: Vec<Figures> = contenders
        .iter()
        .map(|contender| Figures { name: contender.name, cost: Vec::new(), rate: Vec::new() })
        .collect();
    for turn in 0..=settings.repeat {
        for (contender, figures) in contenders.iter().zip(&mut all) {
            let sample = sample(contender)?;
            // The first turn fills caches and pools.
            if turn > 0 {
                figures.cost.push(sample.cpu.as_nanos() as f64 / sample.units);
                figures.rate.push(sample.units / sample.wall.as_secs_f64());
            }
        }
    }
    let ours = all.first_mut().map_or(1.0, |ours| median(&mut ours.cost));
    for figures in &mut all {
        let (cost, rate) = (median(&mut figures.cost), median(&mut figures.rate));
        row(name, figures.name, cost, rate, cost / ours)?;
    }
    Ok(())
}

/// Nanoseconds for a unit, units in a second, and how many times the cost of ours that is.
fn row(case: &str, server: &str, cost: f64, rate: f64, times: f64) -> Result<()> {
    print(&format!("{case:<26} {server:<14} {:>12.3} {rate:>14.0} {times:>10.2}", cost / 1e3))
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
