//! Everything that can go wrong between two lines: cuts, silence, nonsense, refusals. The service gets over all of it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;
use transom_endpoint::Listener;
use transom_testkit::{Answer, memory_listener};

use super::support::{COMMANDS, Service, Tor, key, listen, name, say};

/// A Tor that answers commands that begin so in this way, and otherwise does all it should.
fn but(begin: &'static str, answer: Answer) -> impl Fn(&Tor, &str) -> Answer + Send + Sync + 'static {
    move |tor, command| if command.starts_with(begin) { answer.clone() } else { tor.answer(command) }
}

/// How Tor is asked how far it is itself, while the service is not published.
const PHASE: &str = "GETINFO status/bootstrap-phase";

/// A Tor that publishes nothing, so that it is asked, and answers this then.
fn unpublished(phase: Answer) -> impl Fn(&Tor, &str) -> Answer + Send + Sync + 'static {
    move |tor, command| match command {
        PHASE => phase.clone(),
        _ if command.starts_with("ADD_ONION") => say(&[&format!("250-ServiceID={}", name()), "250 OK"]),
        _ => tor.answer(command),
    }
}

#[tokio::test(start_paused = true)]
async fn exchange_when_cut_after_any_byte_begins_anew_with_the_same_key() {
    // How many bytes connections get before they are cut, the next first; all of them when none is left.
    let cuts = Arc::new(Mutex::new(VecDeque::from([0])));
    let (all, left) = (Mutex::new(0), Mutex::new(None));
    let total = Arc::new(Mutex::new(0));
    let (next, longest) = (cuts.clone(), total.clone());
    let mut service = Service::new(move |tor, command| {
        let (mut all, mut left) = (all.lock().unwrap(), left.lock().unwrap());
        if command.starts_with("PROTOCOLINFO") {
            (*all, *left) = (0, next.lock().unwrap().pop_front());
        }
        let mut bytes = tor.bytes(command);
        *all += bytes.len();
        *longest.lock().unwrap() = *all;
        match &mut *left {
            Some(left) if bytes.len() >= *left => {
                bytes.truncate(*left);
                Answer::Last(bytes)
            }
            Some(left) => {
                *left -= bytes.len();
                Answer::Bytes(bytes)
            }
            None => Answer::Bytes(bytes),
        }
    });
    service.published().await;
    let total = *total.lock().unwrap();
    assert!(total > 500, "{total}");
    let target = service.added();
    for cut in 1..=total {
        cuts.lock().unwrap().push_back(cut);
        service.control.cut();
        service.says("waiting for Tor").await;
        // That of this cut, and one more.
        service.control.command(2 * cut + 2, "PROTOCOLINFO").await;
        service.published().await;
        assert_eq!(service.added(), target, "{cut}");
    }
    let log = service.log();
    for line in log.lines().filter(|line| line.contains("tried again")) {
        assert!(line.contains("Tor closed the connection to its control port"), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn silence_at_any_command_ends_after_30_seconds_and_is_told_with_the_command() {
    for command in COMMANDS {
        let began = Instant::now();
        let mut service = Service::new(but(command, Answer::Nothing));
        let word = command.split(' ').next().unwrap();
        service.says(&format!("does not answer {word}")).await;
        assert_eq!(began.elapsed().as_secs(), 30, "{command}");
        service.recovers_from("does not answer").await;
    }
    // A dribble is no answer either: the limit holds for all of it.
    let began = Instant::now();
    let mut service = Service::new(but("PROTOCOLINFO", Answer::Bytes(b"250-AUTH METHODS=NU".to_vec())));
    service.says("does not answer PROTOCOLINFO").await;
    assert_eq!(began.elapsed().as_secs(), 30);
    let began = Instant::now();
    let service = Service::new(unpublished(Answer::Nothing));
    service.recovers_from("does not answer GETINFO").await;
    // 5 s until it is asked, 30 s for the answer, 1 s until the next try.
    assert_eq!(began.elapsed().as_secs(), 36);
}

#[tokio::test(start_paused = true)]
async fn published_service_when_tor_falls_silent_is_found_out_by_asking_each_minute() {
    let mut service = Service::new(but(PHASE, Answer::Nothing));
    service.published().await;
    let began = Instant::now();
    assert!(!service.says("does not answer GETINFO").await.reachable);
    assert_eq!(began.elapsed().as_secs(), 90);
    service.recovers_from("does not answer GETINFO").await;
}

#[tokio::test(start_paused = true)]
async fn nonsense_at_any_command_is_told_and_got_over() {
    let endless = b"2".repeat(70_000);
    let many = b"250-x\r\n".repeat(11_000);
    let data = [b"250+x\r\n".as_slice(), &b"x\r\n".repeat(33_000)].concat();
    for (answer, words) in [
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".as_slice(), "a line begins with no status"),
        (b"\x15\x03\x01\x00\x02\x02\x46\n", "a line begins with no status"),
        (b"\0\0\0\0\n", "a line begins with no status"),
        (b"\r\n", "a line begins with no status"),
        (b"\n\n\n250 OK\r\n", "a line begins with no status"),
        (b"250\r\n", "a line begins with no status"),
        (b"250=OK\r\n", "a line begins with no status"),
        (b"250 \xff\xfe\r\n", "a line is no text"),
        (b"250-OK\r\n251 OK\r\n", "the status changes within a reply"),
        (b"250-OK\r\n650 OK\r\n", "the status changes within a reply"),
        (&endless, "a reply is longer than 65536 bytes"),
        (&many, "a reply is longer than 65536 bytes"),
        (&data, "a reply is longer than 65536 bytes"),
    ] {
        for command in COMMANDS {
            let service = Service::new(but(command, Answer::Bytes(answer.to_vec())));
            service.recovers_from(&format!("what answers is no control port of Tor: {words}")).await;
        }
        let service = Service::new(unpublished(Answer::Bytes(answer.to_vec())));
        service.recovers_from(words).await;
    }
}

#[tokio::test(start_paused = true)]
async fn refusal_of_any_command_is_told_with_its_status_and_any_success_is_one() {
    for status in [100, 150, 300, 400, 451, 499, 500, 510, 512, 515, 550, 551, 552, 599, 700, 999] {
        for command in COMMANDS {
            let word = command.split(' ').next().unwrap();
            // More than one line, of which the last says why; the first would do everything else.
            let lines = [format!("{status}-ServiceID={}", name()), format!("{status} because\u{1b}[31m")];
            let mut service = Service::new(but(command, Answer::Say(lines.to_vec())));
            let words = match (word, status) {
                ("GETINFO", _) => {
                    service.published().await;
                    continue;
                }
                ("ADD_ONION", 550) => "has a service with this key already".to_owned(),
                ("AUTHENTICATE", _) => format!("refuses us: {status} because\\u{{1b}}[31m"),
                _ => format!("Tor refuses {word}: {status} because\\u{{1b}}[31m"),
            };
            service.recovers_from(&words).await;
        }
    }
    for status in ["200", "251", "299"] {
        let mut service = Service::new(move |tor, command| {
            let lines = tor.lines(command).into_iter();
            Answer::Say(
                lines
                    .map(|line| match line.strip_prefix("250") {
                        Some(rest) => format!("{status}{rest}"),
                        None => line,
                    })
                    .collect(),
            )
        });
        service.published().await;
    }
    // An event is no answer.
    for status in [600, 650, 699] {
        let mut service = Service::new(but("SETEVENTS", Answer::line(format!("{status} OK"))));
        service.says("does not answer SETEVENTS").await;
    }
}

#[tokio::test(start_paused = true)]
async fn refusal_that_says_our_own_words_keeps_the_key_out_of_every_text() {
    for echo in
        ["510 Unrecognized: ECHO", "513 KEY is no key", "250 ServiceID=BLOB", "250-ServiceID=KEY\r\n250 OK"]
    {
        let service = Service::new(move |tor, command| match command.split(' ').next().unwrap() {
            "ADD_ONION" => {
                let text = key().text().to_string();
                let blob = text.strip_prefix("ED25519-V3:").unwrap();
                let line = echo.replace("ECHO", command).replace("KEY", &text).replace("BLOB", blob);
                Answer::line(line)
            }
            _ => tor.answer(command),
        });
        service.recovers_from("waiting for Tor: Tor").await;
    }
}

#[tokio::test(start_paused = true)]
async fn answers_of_any_length_are_told_in_few_words() {
    let long = "x".repeat(60_000);
    for (command, lines) in [
        ("SETEVENTS", vec![format!("500 {long}")]),
        ("AUTHENTICATE", vec![format!("500 {long}")]),
        ("PROTOCOLINFO", vec![format!("250-AUTH METHODS={long}"), "250 OK".to_owned()]),
        ("PROTOCOLINFO", vec![format!("250-AUTH METHODS=COOKIE COOKIEFILE=\"{long}\""), "250 OK".to_owned()]),
        (PHASE, vec![format!("250 status/bootstrap-phase=PROGRESS={long} SUMMARY=\"{long:.4000}\"")]),
        (PHASE, vec![format!("250 status/bootstrap-phase=PROGRESS=1 SUMMARY=a WARNING={long}")]),
    ] {
        let mut service = Service::new(move |tor, asked| match command {
            _ if asked.starts_with(command) => Answer::Say(lines.clone()),
            PHASE => unpublished(Answer::Cut)(tor, asked),
            _ => tor.answer(asked),
        });
        let status = service.says(&"x".repeat(200)).await;
        assert!(status.text.len() < 1000, "{} bytes: {:.100}", status.text.len(), status.text);
        assert!(service.log().lines().all(|line| line.len() < 1000));
    }
}

#[tokio::test(start_paused = true)]
async fn events_while_an_answer_is_awaited_are_kept_up_to_a_number_and_a_size() {
    let events = |count: usize, text: &str| format!("650 HS_DESC {text}\r\n").repeat(count).into_bytes();
    for command in COMMANDS {
        for (count, size, good) in
            [(1000, 30, true), (1001, 30, false), (15, 60_000, true), (200, 60_000, false)]
        {
            let flood = events(count, &"x".repeat(size));
            let mut service = Service::new(move |tor, asked| {
                let answer = tor.bytes(asked);
                let flood: &[u8] = if asked.starts_with(command) { &flood } else { &[] };
                Answer::Bytes([flood, &answer].concat())
            });
            if good {
                service.published().await
            } else {
                service.recovers_from("floods us with events").await
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn pauses_between_tries_double_up_to_30_seconds_and_begin_anew_after_success() {
    let tries = Arc::new(Mutex::new(Vec::new()));
    let bad = |tries: &Arc<Mutex<Vec<Instant>>>| {
        let tries = tries.clone();
        move |_: &Tor, _: &str| {
            tries.lock().unwrap().push(Instant::now());
            Answer::Cut
        }
    };
    let pauses = |tries: &Mutex<Vec<Instant>>| {
        let tries = std::mem::take(&mut *tries.lock().unwrap());
        tries.windows(2).map(|two| (two[1] - two[0]).as_secs()).collect::<Vec<_>>()
    };
    let mut service = Service::new(bad(&tries));
    service.control.command(9, "PROTOCOLINFO").await;
    assert_eq!(pauses(&tries), [1, 2, 4, 8, 16, 30, 30, 30]);
    // What is tried again and again is told once.
    assert_eq!(service.log().lines().filter(|line| line.contains("WARN")).count(), 1);
    service.tor_now(Tor::answer);
    service.published().await;
    service.tor_now(bad(&tries));
    let lost = Instant::now();
    service.control.cut();
    service.control.command(14, "PROTOCOLINFO").await;
    assert_eq!((tries.lock().unwrap()[0] - lost).as_secs(), 1);
    assert_eq!(pauses(&tries), [2, 4, 8]);
}

#[tokio::test(start_paused = true)]
async fn tor_that_is_not_there_is_told_and_awaited() {
    let (there, connector) = memory_listener();
    drop(there);
    let folder = tempfile::tempdir().unwrap();
    let listener = listen(folder.path(), None, None, Arc::new(connector));
    let mut status = listener.status();
    let status = status.wait_for(|status| {
        status
            .state
            .as_ref()
            .is_some_and(|state| state.text.contains("cannot be reached: connecting to memory:"))
    });
    assert!(!status.await.unwrap().state.as_ref().unwrap().reachable);
    let began = Instant::now();
    Box::new(listener).close().await;
    assert_eq!(began.elapsed(), Duration::ZERO);
}
