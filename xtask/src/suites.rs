//! The conformance suites of `tests/suites` against a node, built for release and started on a fresh directory.

mod accounts;
mod node;
pub(crate) mod tor;

use crate::run::{Cmd, Stop, failed, folder};
use crate::tools::suites_cache;
use crate::workspace::Workspace;
use node::Node;
use std::path::PathBuf;

/// What the real clients check over WebSocket, RawSocket on TCP and RawSocket on a Unix socket.
const CLIENT_CHECKS: u64 = 1144;
/// The same over WebSocket with TLS and RawSocket on a Unix socket.
const SECURE_CLIENT_CHECKS: u64 = 738;
/// Logins by two libraries, one of them on two loops: with what is right, wrong and nobody's; with authenticators also by
/// some that fail.
const LOGIN_CHECKS: u64 = 96;
/// The invalid messages among the vectors, and the new session after them.
const VALIDATION_CHECKS: u64 = 20;
/// The cases of Autobahn|Testsuite: all of them, and those without large messages and compression.
const WEBSOCKET_CASES: u64 = 517;
const QUICK_WEBSOCKET_CASES: u64 = 247;
/// What the library websockets checks.
const PEER_CHECKS: u64 = 32;
const TLS_CHECKS: u64 = 20;
/// Slow heads, bodies and readers: others are served meanwhile; and the slow heads are gone.
const SLOW_CHECKS: u64 = 4;

/// Seconds for the cases of one run: twice what they take beside another.
const WEBSOCKET_LIMIT: &str = "1500";

/// All of them.
pub(crate) fn all(ws: &Workspace) -> Result<(), Stop> {
    clients(ws)?;
    logins(ws)?;
    validation(ws)?;
    protocols(ws)?;
    tor::suite(ws)
}

/// Real client libraries, unmodified, in three languages: as they are, and over TLS.
pub(crate) fn clients(ws: &Workspace) -> Result<(), Stop> {
    let cache = suites_cache(&ws.root);
    let suite = |websocket: String, rawsocket: Vec<String>| {
        Cmd::new(ws.root.join("tests/suites/wamp_clients.sh"))
            .args(["realm1", &websocket])
            .args(rawsocket)
            .env("PROFILE", "full")
            .env("SUITES_CACHE", &cache)
    };
    with_node(ws, "clients", |node| {
        let socket = format!("unix:{}", node.socket.display());
        let plain = suite(node.websocket(), vec![format!("127.0.0.1:{}", node.port)]).env("RS", &socket);
        judged(ws, plain, CLIENT_CHECKS)?;
        let secure = suite(node.secure_websocket(), Vec::new()).env("RS", &socket);
        judged(ws, secure.env("CAFILE", node.authority()), SECURE_CLIENT_CHECKS)
    })
}

/// Real client libraries by every authentication method, against the configuration and against authenticators.
pub(crate) fn logins(ws: &Workspace) -> Result<(), Stop> {
    with_node(ws, "logins", |node| {
        let [known, asked_for] = node.logins();
        let suite = Cmd::new(ws.root.join("tests/suites/logins.sh"))
            .args(["realm1", &known, &asked_for, &node.websocket()])
            .args(accounts::LOGINS)
            .env("ACCOUNTS", accounts::answers().to_string())
            .env("SUITES_CACHE", suites_cache(&ws.root));
        judged(ws, suite, LOGIN_CHECKS)
    })
}

/// The invalid messages of the WAMP test vectors.
pub(crate) fn validation(ws: &Workspace) -> Result<(), Stop> {
    with_node(ws, "validation", |node| {
        let suite =
            Cmd::new("python3").args(["tests/suites/wamp_validation.py", &node.websocket(), "realm1"]);
        judged(ws, suite, VALIDATION_CHECKS)
    })
}

/// Autobahn|Testsuite in both roles and over TLS, a scan of TLS, and slow clients. What takes longest runs beside the
/// rest.
pub(crate) fn protocols(ws: &Workspace) -> Result<(), Stop> {
    ws.cargo("build --release --example fuzzing_client -p transom-websocket").status()?;
    let client = ws.build.join("release/examples/fuzzing_client");
    let script = |name: &str| {
        Cmd::new(ws.root.join("tests/suites").join(name)).env("SUITES_CACHE", suites_cache(&ws.root))
    };
    let reports = |name: &str| folder(ws.build.join("suites").join(name));
    let autobahn = |name: &str, out: PathBuf| {
        script(name).env("OUT", out).env("STRICT", "1").env("LIMIT", WEBSOCKET_LIMIT)
    };
    // Installed once for all.
    let install = script("ws_conformance.sh").args(["ws://127.0.0.1/", "full"]).env("INSTALL_ONLY", "1");
    let (autobahn_runs, _) = install.last_line()?;
    if !autobahn_runs {
        println!(
            "Autobahn|Testsuite does not run here, for want of Python 2.7: another program runs its cases"
        );
    }
    with_node(ws, "protocols", |node| {
        let (echo, secure_echo) = (node.echo(), node.secure_echo());
        let echo_port = echo.trim_start_matches("ws://").trim_end_matches('/').to_owned();
        let tls_port = format!("127.0.0.1:{}", node.secure_port);
        let page = format!("http://127.0.0.1:{}/", node.port);
        std::thread::scope(|scope| {
            let server = scope.spawn(|| {
                let suite = match autobahn_runs {
                    true => autobahn("ws_conformance.sh", reports("server")?).args([&echo]),
                    false => autobahn("ws_conformance_py3.sh", reports("server")?).args([&echo_port]),
                };
                judged(ws, suite.args(["full"]), WEBSOCKET_CASES)
            });
            let others = scope.spawn(|| {
                if autobahn_runs {
                    let suite = autobahn("ws_client_conformance.sh", reports("client")?).args(["full"]);
                    judged(ws, suite.args([&client]), WEBSOCKET_CASES)?;
                    let suite = autobahn("ws_conformance.sh", reports("secure")?);
                    judged(ws, suite.args([&secure_echo, "quick"]), QUICK_WEBSOCKET_CASES)?;
                }
                for url in [&echo, &secure_echo] {
                    judged(ws, script("ws_peer.sh").args([url]), PEER_CHECKS)?;
                }
                judged(ws, script("tls_scan.sh").args([&tls_port]), TLS_CHECKS)
            });
            // They mostly wait.
            let slow = scope.spawn(|| {
                judged(ws, script("slow_clients.sh").args([&page]).env("WANT_DROP", "1"), SLOW_CHECKS)
            });
            let verdict = |run: std::thread::ScopedJoinHandle<'_, Result<(), Stop>>| {
                run.join().unwrap_or_else(|_| failed("a suite's thread panicked"))
            };
            let (server, others, slow) = (verdict(server), verdict(others), verdict(slow));
            server.and(others).and(slow)?;
            if autobahn_runs {
                Ok(())
            } else {
                Err(Stop::Skipped("please install Python 2.7: the client's role was not judged".into()))
            }
        })
    })
}

/// The same raw client before Crossbar.io and before the node.
pub(crate) fn differential(ws: &Workspace, scenarios: &[String]) -> Result<(), Stop> {
    let script =
        Cmd::new(ws.root.join("tests/suites/differential.sh")).args([build_node(ws)?]).args(scenarios);
    script.env("SUITES_CACHE", suites_cache(&ws.root)).dir(&ws.root).status()
}

/// Builds the node for release and returns the path of its binary.
pub(crate) fn build_node(ws: &Workspace) -> Result<PathBuf, Stop> {
    ws.cargo("build --release -p transom-node").status()?;
    Ok(ws.build.join("release/transom"))
}

/// Runs the suites of a step against a fresh node, which must leave with exit code 0 afterwards.
fn with_node(ws: &Workspace, step: &str, suites: impl FnOnce(&Node) -> Result<(), Stop>) -> Result<(), Stop> {
    let node = Node::start(ws, step, &build_node(ws)?)?;
    let verdict = suites(&node);
    let stopped = node.stop();
    verdict.and(stopped)
}

/// Runs a suite; it must make at least `checks` checks, all good.
fn judged(ws: &Workspace, suite: Cmd, checks: u64) -> Result<(), Stop> {
    suite.dir(&ws.root).last_line().and_then(|(good, line)| judge(good, &line, checks))
}

/// Reads `N passed, N failed`.
fn judge(good: bool, line: &str, checks: u64) -> Result<(), Stop> {
    let numbers = line.strip_suffix(" failed").and_then(|line| line.split_once(" passed, "));
    match numbers.map(|(passed, failed)| (passed.parse::<u64>(), failed.parse::<u64>())) {
        Some((Ok(passed), Ok(0))) if good && passed >= checks => Ok(()),
        Some((Ok(passed), Ok(0))) if good => failed(format!("{passed} checks ran, {checks} should")),
        _ => failed(format!("the suite ended with {line:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdict_when_the_last_line_is_read_wants_every_check() {
        assert!(judge(true, "759 passed, 0 failed", 759).is_ok());
        assert!(judge(true, "760 passed, 0 failed", 759).is_ok());
        for (good, line) in [
            (false, "759 passed, 0 failed"),
            (true, "758 passed, 0 failed"),
            (true, "759 passed, 1 failed"),
            (true, ""),
            (true, "Traceback"),
        ] {
            assert!(judge(good, line, 759).is_err(), "{good} {line:?}");
        }
    }
}
