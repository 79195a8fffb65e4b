//! The same sequences, each session's on a thread of its own: what comes when is open, and what must hold nevertheless
//! is looked at.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::ops::{FEATURES, Leave, Op, Question, SESSIONS};
use crate::real::{self, Session};

/// What one session heard between joining and leaving.
struct Heard {
    messages: Vec<Value>,
    calls: Vec<u64>,
}

pub(crate) fn run(ops: &[Op]) {
    let router = real::router(real::clock());
    let ids = Arc::new(Mutex::new(vec![1; SESSIONS]));
    let mut threads = Vec::new();
    for at in 0..SESSIONS {
        let own: Vec<Op> = ops.iter().filter(|op| op.at() == Some(at)).filter_map(orderly).collect();
        let (router, ids) = (router.clone(), ids.clone());
        threads.push(std::thread::spawn(move || {
            let mut all = Vec::new();
            let mut open: Option<(Session, Heard)> = None;
            for op in own {
                match op {
                    Op::Join { limited, features, .. } if open.is_none() => {
                        let session = Session::join(&router, limited, features);
                        ids.lock().unwrap()[at] = session.id;
                        let heard = Heard { messages: Vec::new(), calls: Vec::new() };
                        open = Some((session, heard));
                    }
                    Op::Leave { how, .. } => {
                        if let Some((session, mut heard)) = open.take() {
                            heard.calls = session.calls.clone();
                            heard.messages.extend(session.leave(how));
                            all.push(heard);
                        }
                    }
                    op => {
                        let known = ids.lock().unwrap().clone();
                        let Some((session, heard)) = &mut open else { continue };
                        let acted = session.act(&op, &known);
                        heard.messages.extend(session.hear());
                        if acted.is_err() {
                            let (session, mut heard) = open.take().unwrap();
                            heard.messages.extend(session.leave(Leave::Lost));
                            all.push(heard);
                        }
                    }
                }
            }
            (all, open)
        }));
    }
    let mut all: Vec<Heard> = Vec::new();
    let mut open: Vec<(Session, Heard)> = Vec::new();
    for thread in threads {
        let (gone, there) = thread.join().unwrap();
        all.extend(gone);
        open.extend(there);
    }
    // Who leaves last hears what became of its calls.
    while let Some((mut session, mut heard)) = open.pop() {
        heard.messages.extend(session.hear());
        heard.calls = session.calls.clone();
        if open.is_empty() {
            assert_all_answered(&heard);
        }
        heard.messages.extend(session.leave(Leave::Lost));
        all.push(heard);
    }
    for heard in &all {
        assert_within(heard, (33, 35), 36, 1, "subscription");
        assert_within(heard, (65, 67), 68, 2, "registration");
        assert_in_order(heard);
        assert_answered_once(heard);
    }
    let mut topics: Vec<&str> = ops
        .iter()
        .filter_map(|op| match op {
            Op::Publish { topic, options, .. } if options.retain => Some(*topic),
            _ => None,
        })
        .collect();
    topics.sort_unstable();
    topics.dedup();
    topics.retain(|topic| router.forget_retained("realm1", topic));
    let realm = &router.status().realms[0];
    assert_eq!((realm.sessions, realm.subscriptions, realm.registrations), (0, 0, 0));
}

/// The operation, but for what lets calls overtake each other or makes two of one number.
fn orderly(op: &Op) -> Option<Op> {
    match op {
        Op::CallAgain { .. } | Op::Ask { question: Question::Subscribers(_) | Question::Callees(_), .. } => {
            None
        }
        Op::Join { at, limited, features } => {
            let reroute = FEATURES.iter().position(|name| *name == "call_reroute")?;
            Some(Op::Join { at: *at, limited: *limited, features: features & !(1 << reroute) })
        }
        op => Some(op.clone()),
    }
}

fn number(message: &Value, at: usize) -> u64 {
    message[at].as_u64().unwrap_or_default()
}

/// Events come only for what is subscribed to at that moment, and the first INVOCATION of a call only for what is
/// registered.
fn assert_within(heard: &Heard, (begins, ends): (u64, u64), comes: u64, of: usize, key: &str) {
    // What is held, and by which requests it is given back.
    let mut held: HashSet<u64> = HashSet::new();
    let mut begun: HashSet<u64> = HashSet::new();
    for message in &heard.messages {
        let code = number(message, 0);
        if code == begins {
            held.insert(number(message, 2));
        } else if code == ends && number(message, 1) == 0 {
            held.remove(&message[2][key].as_u64().unwrap());
        } else if code == comes {
            let first = comes == 36 || begun.insert(number(message, 1));
            assert!(!first || held.contains(&number(message, of)), "{message}: {:#?}", heard.messages);
        }
    }
}

/// Events of one publisher come in the order of publishing, over all topics; calls of one caller for one registration in
/// the order of calling.
fn assert_in_order(heard: &Heard) {
    let mut last: HashMap<(u64, u64), u64> = HashMap::new();
    let mut begun: HashSet<u64> = HashSet::new();
    for message in &heard.messages {
        let (kind, args) = match number(message, 0) {
            36 if message[3].get("retained").is_none() => (0, &message[4]),
            68 if begun.insert(number(message, 1)) => (number(message, 2), &message[4]),
            _ => continue,
        };
        if message[3]["topic"].as_str().is_some_and(|topic| topic.starts_with("wamp.")) {
            continue;
        }
        // Testaments and other meta events are of another form.
        let [Value::Number(session), Value::Number(number)] = &args.as_array().unwrap()[..] else { continue };
        let (session, number) = (session.as_u64().unwrap(), number.as_u64().unwrap());
        let before = last.insert((kind, session), number).unwrap_or_default();
        assert!(before <= number, "{before} before {message}: {:#?}", heard.messages);
    }
}

/// Nothing of a call comes after its answer.
fn assert_answered_once(heard: &Heard) {
    let mut ended: HashSet<u64> = HashSet::new();
    for message in &heard.messages {
        let (call, last) = match number(message, 0) {
            50 => (number(message, 1), message[2].get("progress").is_none()),
            8 if number(message, 1) == 48 => (number(message, 2), true),
            _ => continue,
        };
        assert!(!ended.contains(&call), "{message} after the answer: {:#?}", heard.messages);
        if last {
            ended.insert(call);
        }
    }
}

/// Everybody else has left: each call has its answer, unless the session might answer it itself.
fn assert_all_answered(heard: &Heard) {
    if heard.messages.iter().any(|message| number(message, 0) == 65) {
        return;
    }
    for call in &heard.calls {
        let answers = |message: &&Value| match number(message, 0) {
            50 => number(message, 1) == *call && message[2].get("progress").is_none(),
            8 => number(message, 1) == 48 && number(message, 2) == *call,
            _ => false,
        };
        assert!(heard.messages.iter().any(|message| answers(&message)), "{call}: {:#?}", heard.messages);
    }
}
