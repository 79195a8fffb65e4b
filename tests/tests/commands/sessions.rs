//! `transom call`, `publish`, `subscribe` and `register`.

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use transom_tests::{Program, TestNode};

use crate::support::{Folder, Said, tls, to_tcp, to_unix, with};

/// A node on a socket file in the folder of a test.
struct Open {
    folder: Folder,
    node: TestNode,
}

impl Open {
    async fn start() -> Self {
        let endpoint = json!({"type": "unix", "path": "node.sock"});
        let transport = json!({"type": "universal", "endpoint": endpoint, "rawsocket": {}, "websocket": {}});
        Open { folder: Folder::new(), node: TestNode::start(json!([transport])).await }
    }

    fn url(&self) -> String {
        format!("rs://unix:{}", self.node.unix(0).display())
    }

    async fn run(&self, args: &[&str]) -> Said {
        self.folder.run(&self.with_url(args).iter().map(String::as_str).collect::<Vec<_>>()).await
    }

    fn start_command(&self, args: &[&str]) -> Program {
        self.folder.start(&self.with_url(args).iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// The command with `--transport` behind its name.
    fn with_url(&self, args: &[&str]) -> Vec<String> {
        let mut args: Vec<_> = args.iter().map(|arg| (*arg).to_owned()).collect();
        args.splice(1..1, ["--transport".to_owned(), self.url()]);
        args
    }

    /// A procedure that is answered by a line of shell.
    async fn registered(&self, procedure: &str, script: &str, options: &[&str]) -> Program {
        let args = [&["register", procedure], options, &["--", "/bin/sh", "-c", script]].concat();
        let mut program = self.start_command(&args);
        program.complains("registered").await;
        program
    }
}

/// A node with everything: TCP and Unix, with TLS, with client certificates.
#[tokio::test]
async fn session_can_be_had_over_every_transport() {
    let folder = Folder::new();
    let (server, client) = (folder.server(), folder.client());
    let mutual = with(tls(&server), json!({"ca_certificates": [folder.path("ca.pem")]}));
    let transport =
        |endpoint| json!({"type": "universal", "endpoint": endpoint, "rawsocket": {}, "websocket": {}});
    let tcp = |port| json!({"type": "tcp", "interface": "127.0.0.1", "port": port});
    let node = TestNode::start(json!([
        transport(tcp(1)),
        transport(with(tcp(2), json!({"tls": tls(&server)}))),
        transport(with(tcp(3), json!({"tls": mutual}))),
        transport(json!({"type": "unix", "path": "node.sock"})),
    ]))
    .await;
    let port = |index| node.tcp(index).port();
    let (path, ca) = (node.unix(3), folder.path("ca.pem"));
    let (ca, key, certificate) =
        (ca.to_str().unwrap(), client.key.to_str().unwrap(), client.certificate.to_str().unwrap());
    let trust = ["--ca-certificates", ca];
    let shown = [&trust[..], &["--key", key, "--certificate", certificate]].concat();
    let shown_config = with(folder.trusting("localhost"), tls(&client));
    let websocket = |endpoint: Value| {
        json!({"type": "websocket", "url": "ws://localhost/ws", "endpoint": endpoint}).to_string()
    };
    let rawsocket = |endpoint: Value, serializer| {
        json!({"type": "rawsocket", "serializer": serializer, "endpoint": endpoint}).to_string()
    };
    for (transport, options) in [
        (format!("ws://127.0.0.1:{}/any?x=1", port(0)), &[][..]),
        (format!("ws://localhost:{}", port(0)), &["--serializer", "msgpack"]),
        (format!("rs://127.0.0.1:{}", port(0)), &["--serializer", "cbor"]),
        (format!("wss://localhost:{}/ws", port(1)), &trust),
        (format!("rss://localhost:{}", port(1)), &trust),
        (format!("wss://127.0.0.1:{}", port(2)), &shown),
        (format!("rss://localhost:{}", port(2)), &shown),
        (format!("ws://unix:{}", path.display()), &["--serializer", "ubjson"]),
        (format!("rs://unix:{}", path.display()), &[]),
        (websocket(to_unix(&path)), &[]),
        (rawsocket(to_tcp(port(0)), "ubjson"), &[]),
        (websocket(with(to_tcp(port(1)), json!({"tls": folder.trusting("localhost")}))), &[]),
        (rawsocket(with(to_tcp(port(2)), json!({"tls": shown_config})), "msgpack"), &[]),
    ] {
        let args = [&["call", "wamp.session.count", "--transport", &transport], options].concat();
        let said = folder.run(&args).await;
        assert_eq!(said.out, "{\"args\":[1],\"kwargs\":{}}\n", "{transport}: {said:?}");
        said.ended(0);
    }
    let transport = rawsocket(to_unix(&path), "json");
    std::fs::write(folder.path("transport.json"), transport).unwrap();
    let said = folder.run(&["call", "wamp.session.count", "--transport", "transport.json", "--value"]).await;
    assert_eq!(said.ended(0).out, "1\n");
}

#[tokio::test]
async fn call_is_answered_by_the_command_that_is_registered() {
    let open = Open::start().await;
    let program = open.registered("com.example.echo", "cat", &[]).await;
    let said = open
        .run(&[
            "call",
            "com.example.echo",
            "2",
            "two words",
            "[true, null]",
            "-1.5",
            "--kwargs",
            "{\"a\": {}}",
        ])
        .await;
    let sent = json!({"args": [2, "two words", [true, null], -1.5], "kwargs": {"a": {}}});
    let heard = with(json!({"procedure": "com.example.echo"}), sent);
    assert_eq!(said.ended(0).json(), json!({"args": [heard], "kwargs": {}}));
    let said = open.run(&["call", "com.example.echo", "12345678901234567890123", "--value"]).await.ended(0);
    assert!(said.out.contains("[12345678901234567890123]"), "{said:?}");
    program.signal(Signal::SIGTERM);
    let (code, _, err) = program.end().await;
    assert_eq!(code, Some(0), "{err}");
    let said = open.run(&["call", "com.example.echo"]).await.ended(11);
    assert!(said.err.contains("wamp.error.no_such_procedure"), "{said:?}");
}

#[tokio::test]
async fn command_that_fails_is_an_error_of_the_call() {
    let open = Open::start().await;
    for (script, code, out, err) in [
        ("exit 3", 11, "", &["wamp.error.runtime_error", "exit status: 3"][..]),
        (
            r#"echo '{"error": "com.example.no", "args": ["why"]}'; exit 1"#,
            11,
            "",
            &["com.example.no", r#""args":["why"]"#],
        ),
        ("echo hello", 11, "", &["wamp.error.runtime_error", "printed no JSON"]),
        ("kill -9 $$", 11, "", &["wamp.error.runtime_error", "signal: 9"]),
        ("true", 0, "{\"args\":[],\"kwargs\":{}}\n", &[]),
        (r#"echo '{"args": [1], "kwargs": {"b": 2}}'"#, 0, "{\"args\":[1],\"kwargs\":{\"b\":2}}\n", &[]),
        ("echo \"\\\"$TRANSOM_PROCEDURE\\\"\"", 0, "{\"args\":[\"com.example.p\"],\"kwargs\":{}}\n", &[]),
        ("exec sleep 600", 11, "", &["wamp.error.timeout"]),
    ] {
        let program = open.registered("com.example.p", script, &["--command-timeout", "1"]).await;
        let said = open.run(&["call", "com.example.p"]).await.ended(code);
        assert_eq!(said.out, out, "{script}");
        assert!(err.iter().all(|words| said.err.contains(words)), "{script}: {said:?}");
        program.signal(Signal::SIGTERM);
        assert_eq!(program.end().await.0, Some(0));
    }
    let args = ["register", "com.example.p", "--", "/nowhere/to/be/found"];
    let mut program = open.start_command(&args);
    program.complains("registered").await;
    let said = open.run(&["call", "com.example.p"]).await.ended(11);
    // What is wrong here is not the caller's business.
    assert!(said.err.contains("cannot be run") && !said.err.contains("nowhere"), "{said:?}");
    program.complains("No such file").await;
}

/// Waits for the lines that tell of the session and of what it is for, which come in either order; the session.
async fn settled(program: &mut Program, what: &str) -> String {
    let (mut session, mut done) = (None, false);
    loop {
        let line = program.complains("").await;
        match line.strip_prefix("session ") {
            Some(rest) => session = rest.split(' ').next().map(str::to_owned),
            None => done |= line.contains(what),
        }
        if let (Some(session), true) = (&session, done) {
            return session.clone();
        }
    }
}

#[tokio::test]
async fn register_ends_when_the_router_takes_the_procedure_away() {
    let open = Open::start().await;
    let args = ["register", "com.example.p", "--", "/bin/true"];
    let mut program = open.start_command(&args);
    let session = settled(&mut program, "registered").await;
    let said = open.run(&["call", "wamp.registration.lookup", "com.example.p", "--value"]).await.ended(0);
    let registration = said.out.trim();
    let remove = ["call", "wamp.registration.remove_callee", registration, &session, "com.example.because"];
    open.run(&remove).await.ended(0);
    let (code, out, err) = program.end().await;
    assert_eq!(code, Some(11), "{out}{err}");
    assert!(err.contains("the router ended the registration"), "{err}");
}

#[tokio::test]
async fn call_without_an_answer_ends_in_time() {
    let open = Open::start().await;
    let _program = open.registered("com.example.slow", "exec sleep 600", &[]).await;
    let said = open.run(&["call", "com.example.slow", "--timeout", "1"]).await.ended(6);
    assert!(said.err.contains("no answer came in time"), "{said:?}");
}

/// The command tells by a file that it runs, and ends when there is another.
#[tokio::test]
async fn register_when_stopped_lets_running_commands_end() {
    let open = Open::start().await;
    let (runs, go) = (open.folder.path("runs"), open.folder.path("go"));
    for path in [&runs, &go] {
        let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
        assert!(made.success());
    }
    let script = format!("echo > {}; read x < {}; echo 7", runs.display(), go.display());
    let program = open.registered("com.example.slow", &script, &[]).await;
    let calling = open.start_command(&["call", "com.example.slow", "--value"]);
    tokio::fs::read(&runs).await.unwrap();
    program.signal(Signal::SIGTERM);
    // It is gone for others, and the call goes on.
    let gone =
        async { while open.run(&["call", "com.example.slow", "--timeout", "1"]).await.code != Some(11) {} };
    tokio::time::timeout(transom_tests::PATIENCE, gone).await.expect("it is still registered");
    tokio::fs::write(&go, b"\n").await.unwrap();
    let (code, out, err) = calling.end().await;
    assert_eq!((code, out.as_str()), (Some(0), "7\n"), "{err}");
    assert_eq!(program.end().await.0, Some(0));
}

#[tokio::test]
async fn events_are_printed_each_on_a_line() {
    let open = Open::start().await;
    let mut exact = open.start_command(&["subscribe", "com.example.topic", "--count", "2"]);
    let mut prefix = open.start_command(&["subscribe", "com.example", "--match", "prefix"]);
    exact.complains("subscribed to com.example.topic").await;
    prefix.complains("subscribed to com.example").await;
    let said =
        open.run(&["publish", "com.example.topic", "1", "--acknowledge", "--kwargs", "{\"k\": \"v\"}"]).await;
    let publication = said.ended(0).json()["publication"].clone();
    assert!(publication.is_u64());
    assert_eq!(open.run(&["publish", "com.example.topic"]).await.ended(0).out, "");
    open.run(&["publish", "com.example.other", "--acknowledge"]).await.ended(0);
    let (code, out, err) = exact.end().await;
    assert_eq!(code, Some(0), "{err}");
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{out}");
    let event =
        json!({"topic": "com.example.topic", "publication": publication, "args": [1], "kwargs": {"k": "v"}});
    assert_eq!(lines[0], event);
    assert_eq!((&lines[1]["args"], &lines[1]["kwargs"]), (&json!([]), &json!({})));
    let mut topics = Vec::new();
    for _ in 0..3 {
        let line: Value = serde_json::from_str(&prefix.says().await).unwrap();
        topics.push(line["topic"].as_str().unwrap().to_owned());
    }
    assert_eq!(topics, ["com.example.topic", "com.example.topic", "com.example.other"]);
    prefix.signal(Signal::SIGINT);
    assert_eq!(prefix.end().await.0, Some(0));
}

#[tokio::test]
async fn subscribe_ends_when_nobody_reads_it() {
    let open = Open::start().await;
    let args = open.with_url(&["subscribe", "com.example.topic"]);
    let mut program = tokio::process::Command::new(crate::support::PROGRAM)
        .args(args)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    drop(program.stdout.take());
    let mut stderr = program.stderr.take().unwrap();
    while !transom_tests::line(&mut stderr).await.contains("subscribed") {}
    open.run(&["publish", "com.example.topic", "--acknowledge"]).await.ended(0);
    let ended = tokio::time::timeout(transom_tests::PATIENCE, program.wait()).await.expect("it goes on");
    assert!(ended.unwrap().success());
}

#[tokio::test]
async fn what_is_given_wrongly_is_said_before_anything_is_tried() {
    let folder = Folder::new();
    for (args, words) in [
        (&["call", "com.example.p", "{"][..], "is no JSON"),
        (&["call", "com.example.p", "--kwargs", "[]"], "--kwargs: it must be a JSON object"),
        (&["call", "p", "--transport", "http://a"], "must begin with ws://, wss://, rs:// or rss://"),
        (&["call", "p", "--transport", "rs://a"], "must name a port"),
        (&["call", "p", "--transport", "wss://unix:/s"], "no TLS over Unix sockets"),
        (&["call", "p", "--transport", "ws://a", "--serializer", "xml"], "no serializer \"xml\""),
        (&["call", "p", "--transport", "ws://a", "--ca-certificates", "x"], "certificates are for wss://"),
        (&["call", "p", "--transport", "nowhere.json"], "nowhere.json"),
        (
            &["call", "p", "--transport", r#"{"type": "websocket"}"#],
            "missing mandatory attribute \"endpoint\"",
        ),
        (&["call", "p", "--authmethod", "ticket", "--authid", "a"], "--secret-file or --secret-env"),
        (&["call", "p", "--authmethod", "ticket", "--secret-env", "NOT_SET"], "NOT_SET is not set"),
        (&["call", "p", "--secret-env", "NOT_SET"], "anonymous has no secret"),
    ] {
        let said = folder.run(args).await.ended(1);
        assert!(said.err.contains(words), "{args:?}: {said:?}");
    }
    folder.run(&["call"]).await.ended(2);
    folder.run(&["register", "com.example.p"]).await.ended(2);
}

#[tokio::test]
async fn session_that_cannot_be_had_says_why_by_its_exit_code() {
    let folder = Folder::new();
    let stranger = Folder::new();
    let endpoint = json!({"type": "tcp", "interface": "127.0.0.1", "port": 1, "tls": tls(&folder.server())});
    let plain = json!({"type": "tcp", "interface": "127.0.0.1", "port": 2});
    let node = TestNode::start(json!([
        {"type": "websocket", "endpoint": endpoint},
        {"type": "rawsocket", "endpoint": plain},
    ]))
    .await;
    let (secure, raw) = (node.tcp(0).port(), node.tcp(1).port());
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let trusting = |folder: &Folder| folder.path("ca.pem").to_str().unwrap().to_owned();
    let (ours, theirs) = (trusting(&folder), trusting(&stranger));
    let urls = [
        format!("wss://localhost:{secure}"),
        format!("rs://127.0.0.1:{raw}"),
        format!("ws://127.0.0.1:{raw}"),
        format!("rs://unix:{}", folder.path("nobody").display()),
        format!("rs://{}", silent.local_addr().unwrap()),
    ];
    for (args, code, words) in [
        (&["--transport", &urls[0], "--ca-certificates", &theirs][..], 7, "CN=Test Authority"),
        (
            &["--transport", &urls[0], "--ca-certificates", &ours, "--realm", "nowhere"],
            10,
            "wamp.error.no_such_realm",
        ),
        (&["--transport", &urls[1], "--realm", "nowhere"], 10, "nowhere"),
        (&["--transport", &urls[2]], 9, "connecting to"),
        (&["--transport", &urls[3]], 4, "nobody"),
        (&["--transport", &urls[4], "--timeout", "1"], 6, "in time"),
    ] {
        let said = folder.run(&[&["call", "wamp.session.count"], args].concat()).await.ended(code);
        assert!(said.err.contains(words), "{args:?}: {said:?}");
        // Whoever would come back for others does not for what cannot change, nor when told not to.
        let said = folder.run(&[&["subscribe", "com.example.topic", "--attempts", "1"], args].concat()).await;
        said.ended(code);
    }
}

/// A node in a process of its own, which is ended and started again.
fn node_in(folder: &Folder) -> Program {
    let config = json!({"version": 2, "workers": [{"type": "router",
        "realms": [{"name": "realm1", "roles": [{"name": "anonymous", "allow-by-default": true}]}],
        "transports": [{"type": "rawsocket", "endpoint": {"type": "unix", "path": "node.sock"}}]}]});
    std::fs::write(folder.path("config.json"), config.to_string()).unwrap();
    folder.start(&["start"])
}

#[tokio::test]
async fn subscriptions_and_registrations_come_back_with_the_node() {
    let folder = Folder::new();
    let url = format!("rs://unix:{}", folder.path("node.sock").display());
    // It may also be there before the node.
    let mut subscribing = folder.start(&["subscribe", "com.example.topic", "--transport", &url]);
    let why = subscribing.complains("again in").await;
    assert!(why.contains("node.sock"), "{why}");
    let mut node = node_in(&folder);
    node.wait_for("Ctrl-C").await;
    settled(&mut subscribing, "subscribed to").await;
    let args = ["register", "com.example.seven", "--transport", &url, "--", "/bin/echo", "7"];
    let mut registering = folder.start(&args);
    settled(&mut registering, "registered").await;
    node.signal(Signal::SIGKILL);
    node.end().await;
    let why = subscribing.complains("again in").await;
    assert!(why.contains("the session ended: the connection was lost"), "{why}");
    let mut node = node_in(&folder);
    node.wait_for("Ctrl-C").await;
    subscribing.complains("in realm realm1").await;
    registering.complains("in realm realm1").await;
    let said = folder.run(&["call", "com.example.seven", "--value", "--transport", &url]).await;
    assert_eq!(said.ended(0).out, "7\n");
    folder
        .run(&["publish", "com.example.topic", "again", "--acknowledge", "--transport", &url])
        .await
        .ended(0);
    let event: Value = serde_json::from_str(&subscribing.says().await).unwrap();
    assert_eq!(event["args"], json!(["again"]));
}

/// An Ed25519 key of the WAMP specification's examples, and what others know of it.
const KEY: &str = "4ffddd896a530ce5ee8c86b83b0d31835490a97a9cd718cb2f09c9fd31c4a7d7";
const PUBLIC: &str = "1766c9e6ec7d7b354fd7a2e4542753a23cae0b901228305621e5b8713299ccdd";

#[tokio::test]
async fn login_by_every_method_takes_its_secret_from_a_file_or_the_environment() {
    let folder = Folder::new();
    let scram = json!({
        "kdf": "pbkdf2", "iterations": 4096, "memory": 0, "salt": "30313233343536373839616263646566",
        "stored-key": "322b8858c3c4f1fd70bd4b3c82a47f1d438189ac4fd889d3225b52352f26bab6",
        "server-key": "50a94425e2bef496d69ea375389245012a46976802ea1e66d56f2cf5e1f7ab74", "role": "user"});
    let auth = json!({
        "ticket": {"type": "static", "principals": {"alice": {"ticket": "s3cret", "role": "user"}}},
        "wampcra": {"type": "static", "users": {"alice": {"secret": "s3cret", "role": "user"}}},
        "scram": {"type": "static", "principals": {"alice": scram}},
        "cryptosign": {"type": "static",
            "principals": {"alice": {"authorized_keys": [PUBLIC], "role": "user", "realm": "realm1"}}}});
    let endpoint = json!({"type": "tcp", "interface": "127.0.0.1", "port": 1, "tls": tls(&folder.server())});
    let transport = json!({"type": "universal", "endpoint": endpoint, "rawsocket": {"auth": auth}, "websocket": {"auth": auth}});
    let realm = json!([{"name": "realm1", "roles": [{"name": "user", "allow-by-default": true}]}]);
    let node = TestNode::start_with(realm, json!([transport])).await;
    let (port, ca) = (node.tcp(0).port(), folder.path("ca.pem"));
    std::fs::write(folder.path("secret"), "s3cret\n").unwrap();
    std::fs::write(folder.path("key"), KEY).unwrap();
    let env = [("SECRET", "s3cret"), ("KEY", KEY), ("WRONG", "s3cre")];
    for (scheme, method, secret, let_in) in [
        ("wss", "ticket", ["--secret-file", "secret"], true),
        ("rss", "ticket", ["--secret-env", "WRONG"], false),
        ("wss", "wampcra", ["--secret-env", "SECRET"], true),
        ("wss", "wampcra", ["--secret-env", "WRONG"], false),
        ("rss", "scram", ["--secret-file", "secret"], true),
        ("wss", "scram", ["--secret-env", "WRONG"], false),
        ("rss", "cryptosign", ["--secret-file", "key"], true),
        ("wss", "cryptosign", ["--secret-env", "KEY"], true),
    ] {
        let url = format!("{scheme}://localhost:{port}");
        let mut args = vec!["call", "wamp.session.count", "--value", "--transport", &url];
        args.extend(["--ca-certificates", ca.to_str().unwrap(), "--authmethod", method, "--authid", "alice"]);
        args.extend(secret);
        let said = folder.run_with(&args, &env).await.ended(if let_in { 0 } else { 10 });
        assert_eq!(said.out, if let_in { "1\n" } else { "" }, "{method}: {said:?}");
        assert!(!said.err.contains("s3cre") && !said.err.contains(KEY), "{said:?}");
    }
    // Nobody in particular is not let in, and does not try again.
    let url = format!("rss://localhost:{port}");
    let args = ["subscribe", "com.example.t", "--transport", &url, "--ca-certificates", ca.to_str().unwrap()];
    folder.run(&args).await.ended(10);
}
