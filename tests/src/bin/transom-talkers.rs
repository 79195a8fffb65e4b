//! Opens many sessions that talk to each other in a ring, and counts what arrives. A process of its own, because each
//! session takes a descriptor on both sides: `transom-talkers NUMBER CARRIER=SOCKET…`, the carrier being `websocket` or
//! `rawsocket`.
//!
//! Each session calls a procedure of the next one, and when the result is there publishes its number to the next one's
//! topic; then the same with the next number. Every number has to come back, and to arrive, once and in order. What goes
//! missing is found: a result that does not come stops its session, which then gives up.
//!
//! It says `ready` when all have joined and talk. To each line `count` on its standard input it answers with the results
//! and events so far; after `stop` it lets everybody finish, says the same once more, and ends.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::io::BufRead;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::sync::{Barrier, mpsc};
use tokio::task::JoinSet;
use transom_tests::{Carrier, Client, Target};
use transom_wamp::{Call, CallOptions, Message, Payload, Publish, PublishOptions, Serializer, Value, Yield};

#[derive(Default)]
struct Tally {
    stop: AtomicBool,
    calls: AtomicU64,
    results: AtomicU64,
    published: AtomicU64,
    events: AtomicU64,
}

impl Tally {
    fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::SeqCst);
    }

    fn say(&self, sessions: usize) {
        let [calls, results, published, events] =
            [&self.calls, &self.results, &self.published, &self.events].map(|n| n.load(Ordering::SeqCst));
        println!("{sessions} sessions {calls} calls {results} results {published} published {events} events");
    }
}

/// One session of the ring.
struct Talker {
    client: Client,
    tally: Arc<Tally>,
    procedure: String,
    topic: String,
    /// Numbers that came from the one before.
    heard: u64,
    /// The one before has said its last.
    ended: bool,
}

/// The numbers that a payload carries.
fn numbers(payload: &Payload) -> Vec<u64> {
    let number = |value: &Value| match value {
        Value::Int(number) => u64::try_from(*number).unwrap(),
        other => panic!("{other:?}"),
    };
    payload.to_values().unwrap().0.iter().map(number).collect()
}

impl Talker {
    async fn talk(mut self) -> Client {
        let mut number = 0;
        while !self.tally.stop.load(Ordering::SeqCst) {
            self.call(number).await;
            self.publish(number, false).await;
            number += 1;
        }
        self.publish(number, true).await;
        while !self.ended {
            let message = self.client.receive().await;
            assert!(self.serve(message).await.is_none());
        }
        self.client
    }

    /// Calls the next session and serves the one before until the result is there.
    async fn call(&mut self, number: u64) {
        let (request, payload) = (self.client.request(), self.client.args(&[Value::from(number)]));
        let procedure = self.procedure.as_str().into();
        let call = Call { request, options: CallOptions::default(), procedure, payload };
        Tally::count(&self.tally.calls);
        self.client.send(Message::Call(call)).await;
        loop {
            let message = self.client.receive().await;
            let Some(message) = self.serve(message).await else { continue };
            match message {
                Message::Result(result) => {
                    assert_eq!((result.request, numbers(&result.payload)), (request, vec![number]));
                    return Tally::count(&self.tally.results);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    async fn publish(&mut self, number: u64, last: bool) {
        let request = self.client.request();
        let payload = self.client.args(&[Value::from(number), Value::from(u64::from(last))]);
        let (options, topic) = (PublishOptions::default(), self.topic.as_str().into());
        self.client.send(Message::Publish(Publish { request, options, topic, payload })).await;
        Tally::count(&self.tally.published);
    }

    /// Answers an invocation and hears an event; gives any other message back.
    async fn serve(&mut self, message: Message) -> Option<Message> {
        match message {
            Message::Invocation(invocation) => {
                let payload = self
                    .client
                    .args(&numbers(&invocation.payload).into_iter().map(Value::from).collect::<Vec<_>>());
                let request = invocation.request;
                let answer = Yield { request, progress: false, passthru: None, payload };
                self.client.send(Message::Yield(answer)).await;
            }
            Message::Event(event) => {
                assert!(!self.ended);
                let heard = numbers(&event.payload);
                assert_eq!(heard[0], self.heard, "an event was lost, or came twice");
                self.heard += 1;
                self.ended = heard[1] == 1;
                Tally::count(&self.tally.events);
            }
            other => return Some(other),
        }
        None
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (number, ends) = args.split_first().expect("no arguments");
    let number: usize = number.parse().expect("no number");
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("no limit");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("cannot raise the limit");

    let tally = Arc::new(Tally::default());
    let ready = Arc::new(Barrier::new(number + 1));
    let mut talking = JoinSet::new();
    for index in 0..number {
        let (carrier, socket) = ends[index % ends.len()].split_once('=').expect("no CARRIER=SOCKET");
        let carrier = if carrier == "websocket" { Carrier::WebSocket } else { Carrier::RawSocket };
        let serializer = [Serializer::MsgPack, Serializer::Json, Serializer::Cbor][index % 3];
        let (mut client, _) = Client::join(&Target::Unix(socket.into()), carrier, serializer).await;
        client.register(&format!("com.talk.{index}")).await;
        client.subscribe(&format!("com.talk.{index}")).await;
        let next = format!("com.talk.{}", (index + 1) % number);
        let (procedure, topic) = (next.clone(), next);
        let talker = Talker { client, tally: tally.clone(), procedure, topic, heard: 0, ended: false };
        let ready = ready.clone();
        talking.spawn(async move {
            ready.wait().await;
            talker.talk().await
        });
    }
    ready.wait().await;
    println!("ready");

    let (asked, mut asking) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let _ = asked.send(line.unwrap());
        }
    });
    // The end of standard input is the end: whoever started this is gone.
    while let Some(line) = asking.recv().await {
        match line.as_str() {
            "count" => tally.say(number),
            "stop" => {
                tally.stop.store(true, Ordering::SeqCst);
                let mut clients = Vec::new();
                while let Some(client) = talking.join_next().await {
                    clients.push(client.expect("a session failed"));
                }
                for client in &mut clients {
                    assert!(matches!(client.goodbye().await, Message::Goodbye(_)));
                }
                return tally.say(clients.len());
            }
            other => panic!("{other:?}"),
        }
    }
}
