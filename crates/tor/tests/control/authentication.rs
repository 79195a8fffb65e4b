//! How a control port wants us to prove ourselves, and what comes of it.

use std::fs;
use std::os::unix::fs::symlink;

use transom_testkit::Answer;

use super::support::{COOKIE, PASSWORD, Service, Tor, hex, say};

/// A Tor that says this of authentication, takes whatever it gets, and otherwise does all it should.
fn wanting(auth: String) -> impl Fn(&Tor, &str) -> Answer + Send + Sync + 'static {
    move |tor, command| match command.split(' ').next().unwrap() {
        "PROTOCOLINFO" => say(&["250-PROTOCOLINFO 1", &format!("250-{auth}"), "250 OK"]),
        "AUTHENTICATE" => say(&["250 OK"]),
        _ => tor.answer(command),
    }
}

#[tokio::test(start_paused = true)]
async fn every_method_when_offered_is_used_and_the_best_of_them_first() {
    let folder = tempfile::tempdir().unwrap();
    let cookie = folder.path().join("cookie");
    fs::write(&cookie, COOKIE).unwrap();
    let (by_cookie, by_password) = (hex(COOKIE), hex(PASSWORD.as_bytes()));
    for (auth, password, shown) in [
        ("METHODS=NULL", None, ""),
        ("METHODS=NULL", Some(PASSWORD), ""),
        ("METHODS=COOKIE COOKIEFILE=\"HERE\"", None, &*by_cookie),
        ("COOKIEFILE=\"HERE\" X=y METHODS=NULL,COOKIE z", None, &by_cookie),
        ("METHODS=HASHEDPASSWORD", Some(PASSWORD), &by_password),
        ("METHODS=HASHEDPASSWORD,NULL", Some(PASSWORD), &by_password),
        ("METHODS=HASHEDPASSWORD,NULL", None, ""),
        ("METHODS=SAFECOOKIE,HASHEDPASSWORD COOKIEFILE=\"HERE.gone\"", Some(PASSWORD), &by_password),
        ("METHODS=COOKIE,SAFECOOKIE,HASHEDPASSWORD", Some(PASSWORD), &by_password),
        ("METHODS=COOKIE,SAFECOOKIE,NULL COOKIEFILE=\"HERE.gone\"", None, ""),
    ] {
        let auth = format!("AUTH {auth}").replace("HERE", &cookie.display().to_string());
        let mut service = Service::with(password, None, wanting(auth.clone()));
        service.published().await;
        assert_eq!(service.control.commands()[1], format!("AUTHENTICATE {shown}").trim_end(), "{auth}");
    }
}

#[tokio::test(start_paused = true)]
async fn cookie_when_the_port_knows_it_too_is_proven_and_never_shown() {
    // Whoever answers compares the proof.
    let mut service = Service::new(Tor::answer);
    service.published().await;
    assert!(!service.control.commands().iter().any(|command| command.contains(&hex(COOKIE))));
    // The same with a file that has to be escaped.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a \"b\" \\ é\n\u{1b}[31m");
    fs::write(&path, COOKIE).unwrap();
    let escaped = format!("{}/a \\\"b\\\" \\\\ \\303\\251\\n\\33[31m", folder.path().display());
    let auth = format!("250-AUTH METHODS=COOKIE,SAFECOOKIE COOKIEFILE=\"{escaped}\"");
    let answers = move |tor: &Tor, command: &str| match command {
        "PROTOCOLINFO 1" => say(&[&auth, "250 OK"]),
        _ => tor.answer(command),
    };
    let mut service = Service::new(answers.clone());
    service.published().await;
    assert_eq!(service.heard("AUTHCHALLENGE SAFECOOKIE "), 1);
    // What cannot be read is told without what could pretend to be another line.
    fs::remove_file(path).unwrap();
    Service::new(answers).recovers_from("é\\n\\u{1b}[31m cannot be read: No such file").await;
}

#[tokio::test(start_paused = true)]
async fn answer_to_the_challenge_when_it_is_none_or_wrong_ends_it_before_anything_is_shown() {
    let (one, short) = ("0f".repeat(32), "0f".repeat(31));
    let else_ = "answers the challenge with something else";
    for (answer, words) in [
        (format!("250 AUTHCHALLENGE SERVERHASH={one} SERVERNONCE={one}"), "does not know Tor's cookie"),
        ("250 OK".to_owned(), else_),
        ("250 AUTHCHALLENGE".to_owned(), else_),
        ("250 AUTHCHALLENGE ".to_owned(), else_),
        (format!("250 AUTHCHALLENGE SERVERHASH={one}"), else_),
        (format!("250 AUTHCHALLENGE SERVERNONCE={one}"), else_),
        ("250 AUTHCHALLENGE SERVERHASH= SERVERNONCE=".to_owned(), else_),
        (format!("250 AUTHCHALLENGE SERVERHASH={short} SERVERNONCE={one}"), else_),
        (format!("250 AUTHCHALLENGE SERVERHASH={one} SERVERNONCE={one}0f"), else_),
        (format!("250 AUTHCHALLENGE SERVERHASH={one} SERVERNONCE={short}f"), else_),
        (format!("250 AUTHCHALLENGE SERVERHASH={one} SERVERNONCE={short}+f"), else_),
        (format!("250 AUTHCHALLENGE SERVERHASH={one} SERVERNONCE={short}é"), else_),
        (format!("250 AUTHCHALLENGE SERVERHASH=\"{one} SERVERNONCE={one}"), else_),
        ("513 Invalid base16 client nonce".to_owned(), "refuses AUTHCHALLENGE: 513 Invalid"),
    ] {
        let mut service = Service::new(move |tor, command| match command {
            _ if command.starts_with("AUTHCHALLENGE") => Answer::line(answer.clone()),
            _ => tor.answer(command),
        });
        service.says(words).await;
        assert!(service.control.commands().last().unwrap().starts_with("AUTHCHALLENGE"));
        assert_eq!(service.heard("AUTHENTICATE"), 0);
        service.recovers_from(words).await;
    }
}

#[tokio::test(start_paused = true)]
async fn cookie_when_it_cannot_be_used_is_told_with_its_file_and_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    symlink("loop", path("loop")).unwrap();
    fs::create_dir(path("folder")).unwrap();
    nix::unistd::mkfifo(&path("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    for (name, length) in [("empty", 0), ("31", 31), ("33", 33), ("long", 100_000)] {
        fs::write(path(name), vec![b'c'; length]).unwrap();
    }
    for (name, words) in [
        ("gone", "No such file"),
        ("loop", "symbolic links"),
        ("folder", "no file"),
        ("pipe", "no file"),
        ("empty", "32 bytes"),
        ("31", "32 bytes"),
        ("33", "32 bytes"),
        ("long", "32 bytes"),
    ] {
        for methods in ["COOKIE", "COOKIE,SAFECOOKIE", "HASHEDPASSWORD,SAFECOOKIE"] {
            let auth = format!("AUTH METHODS={methods} COOKIEFILE=\"{}\"", path(name).display());
            let mut service = Service::new(wanting(auth));
            let said = service.says("wants its cookie").await.text;
            for words in [words, &format!("/{name} "), "set control_password"] {
                assert!(said.contains(words), "{said}");
            }
            assert_eq!(service.heard("AUTH"), 0, "{name}");
            service.recovers_from(words).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn methods_when_none_can_be_used_are_told_and_nothing_is_sent() {
    for (auth, words) in [
        ("AUTH METHODS=COOKIE", "names no cookie file"),
        ("AUTH METHODS=SAFECOOKIE COOKIEFILE", "names no cookie file"),
        ("AUTH METHODS=HASHEDPASSWORD", "wants a password: set control_password"),
        ("AUTH METHODS=RIDDLE,SONG\u{1b}", "\"RIDDLE,SONG\\u{1b}\", which is not known"),
        ("AUTH METHODS=", "\"\", which is not known"),
        ("AUTH NULL", "\"\", which is not known"),
        ("AUTH METHODS=nullnull", "which is not known"),
        ("AUTHX METHODS=NULL", "tells no methods"),
        ("VERSION Tor=\"0.4.9.11\"", "tells no methods"),
    ] {
        let mut service = Service::new(wanting(auth.to_owned()));
        service.says(words).await;
        assert_eq!(service.heard("AUTH"), 0, "{auth}");
        service.recovers_from(words).await;
    }
}

#[tokio::test(start_paused = true)]
async fn proof_when_refused_is_told_with_what_tor_says_and_without_what_was_shown() {
    for (auth, line, words) in [
        ("HASHEDPASSWORD", "515 Authentication failed: no", "refuses us: 515 Authentication failed: no"),
        ("HASHEDPASSWORD", "551 Invalid hexadecimal", "refuses us: 551 Invalid hexadecimal"),
        ("NULL", "451 Out of \u{7}memory", "refuses us: 451 Out of \\u{7}memory"),
        ("NULL", "515 ", "refuses us: 515"),
        // Whoever refuses may say our own words.
        ("HASHEDPASSWORD", "510 Unrecognized: ECHO", "refuses us: 510"),
        ("HASHEDPASSWORD", "510 Unrecognized: PASSWORD", "refuses us: 510"),
        ("COOKIE COOKIEFILE=\"PATH\"", "510 Unrecognized: ECHO", "refuses us: 510"),
    ] {
        let service = Service::with(Some(PASSWORD), None, move |tor, command| {
            let file = tor.cookie_file.display().to_string();
            let line = line.replace("ECHO", command).replace("PASSWORD", PASSWORD);
            match command.split(' ').next().unwrap() {
                "PROTOCOLINFO" => {
                    say(&[&format!("250-AUTH METHODS={}", auth.replace("PATH", &file)), "250 OK"])
                }
                "AUTHENTICATE" => Answer::Last(format!("{line}\r\n").into_bytes()),
                _ => tor.answer(command),
            }
        });
        service.recovers_from(words).await;
    }
}
