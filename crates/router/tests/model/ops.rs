//! What sessions do, at random.

use proptest::prelude::*;
use transom_wamp::{CancelMode, Invoke, Match};

/// Places for sessions.
pub(crate) const SESSIONS: usize = 5;

pub(crate) const FEATURES: [&str; 6] = [
    "call_canceling",
    "progressive_call_results",
    "progressive_call_invocations",
    "call_reroute",
    "subscription_revocation",
    "registration_revocation",
];

/// One thing that happens. Numbers that choose among what is there are taken modulo how much there is.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    Join {
        at: usize,
        limited: bool,
        features: u8,
    },
    Leave {
        at: usize,
        how: Leave,
    },
    Subscribe {
        at: usize,
        pattern: Pattern,
        get_retained: bool,
    },
    Unsubscribe {
        at: usize,
        which: usize,
    },
    Publish {
        at: usize,
        topic: &'static str,
        options: Publish,
    },
    Register {
        at: usize,
        pattern: Pattern,
        options: Register,
    },
    Unregister {
        at: usize,
        which: usize,
    },
    Call {
        at: usize,
        procedure: &'static str,
        options: Call,
    },
    /// A further piece of a call in pieces.
    Continue {
        at: usize,
        which: usize,
        last: bool,
    },
    /// A call with the number of one that was made before.
    CallAgain {
        at: usize,
        which: usize,
        procedure: &'static str,
    },
    Yield {
        at: usize,
        which: usize,
        progress: bool,
    },
    Fail {
        at: usize,
        which: usize,
        unavailable: bool,
    },
    Cancel {
        at: usize,
        which: usize,
        mode: Option<CancelMode>,
    },
    Testament {
        at: usize,
        topic: &'static str,
        detached: bool,
    },
    Ask {
        at: usize,
        question: Question,
    },
    Remove {
        at: usize,
        subscriber: bool,
        which: usize,
    },
    Kill {
        at: usize,
        whom: usize,
    },
    Wait {
        milliseconds: u64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leave {
    Goodbye,
    Abort,
    Lost,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pattern {
    pub(crate) matching: Match,
    pub(crate) uri: &'static str,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Publish {
    pub(crate) acknowledge: bool,
    pub(crate) include_me: bool,
    pub(crate) disclose_me: bool,
    pub(crate) retain: bool,
    pub(crate) eligible: Option<Vec<usize>>,
    pub(crate) exclude: Vec<usize>,
    pub(crate) exclude_limited: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Register {
    pub(crate) invoke: Invoke,
    pub(crate) concurrency: Option<u64>,
    pub(crate) force: bool,
    pub(crate) disclose_caller: bool,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Call {
    pub(crate) timeout: u64,
    pub(crate) receive_progress: bool,
    pub(crate) progress: bool,
    pub(crate) disclose_me: bool,
}

/// What can be asked about subscriptions and registrations.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Question {
    SubscriptionMatch(&'static str),
    RegistrationMatch(&'static str),
    SubscriptionLookup(Pattern),
    Subscribers(Pattern),
    Callees(Pattern),
    Sessions,
}

const URIS: [&str; 7] = ["a.b", "a.b", "a.b.c", "a.c", "b", "ab.c", "a..b"];
const PREFIXES: [&str; 6] = ["", "a", "a.", "a.b", "ab", "a b"];
const WILDCARDS: [&str; 6] = ["a.", ".b", "..c", "a..c", ".", "a.b"];
const META: [Pattern; 3] = [
    Pattern { matching: Match::Prefix, uri: "wamp." },
    Pattern { matching: Match::Exact, uri: "wamp.subscription.on_create" },
    Pattern { matching: Match::Wildcard, uri: "wamp..on_leave" },
];

fn uri() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&URIS[..])
}

fn pattern() -> impl Strategy<Value = Pattern> {
    prop_oneof![
        4 => uri().prop_map(|uri| Pattern { matching: Match::Exact, uri }),
        2 => prop::sample::select(&PREFIXES[..]).prop_map(|uri| Pattern { matching: Match::Prefix, uri }),
        2 => prop::sample::select(&WILDCARDS[..]).prop_map(|uri| Pattern { matching: Match::Wildcard, uri }),
    ]
}

fn publish() -> impl Strategy<Value = Publish> {
    let flag = |odds| prop::bool::weighted(odds);
    let some = || prop::collection::vec(0..SESSIONS, 0..3);
    let limits =
        (prop::option::weighted(0.2, some()), prop_oneof![4 => Just(vec![]), 1 => some()], flag(0.1));
    (flag(0.4), flag(0.3), flag(0.2), flag(0.2), limits).prop_map(
        |(acknowledge, include_me, disclose_me, retain, (eligible, exclude, exclude_limited))| Publish {
            acknowledge,
            include_me,
            disclose_me,
            retain,
            eligible,
            exclude,
            exclude_limited,
        },
    )
}

fn register() -> impl Strategy<Value = Register> {
    let invoke = prop::sample::select(&[Invoke::Single, Invoke::First, Invoke::Last, Invoke::RoundRobin][..]);
    let limit = prop::option::weighted(0.4, 1..3_u64);
    (invoke, limit, prop::bool::weighted(0.1), prop::bool::weighted(0.1)).prop_map(
        |(invoke, concurrency, force, disclose_caller)| Register {
            invoke,
            concurrency,
            force,
            disclose_caller,
        },
    )
}

fn call() -> impl Strategy<Value = Call> {
    let timeout = prop_oneof![3 => Just(0), 1 => prop::sample::select(&[10_u64, 20, 50][..])];
    (timeout, any::<bool>(), prop::bool::weighted(0.3), prop::bool::weighted(0.1)).prop_map(
        |(timeout, receive_progress, progress, disclose_me)| Call {
            timeout,
            receive_progress,
            progress,
            disclose_me,
        },
    )
}

fn question() -> impl Strategy<Value = Question> {
    prop_oneof![
        uri().prop_map(Question::SubscriptionMatch),
        uri().prop_map(Question::RegistrationMatch),
        pattern().prop_map(Question::SubscriptionLookup),
        pattern().prop_map(Question::Subscribers),
        pattern().prop_map(Question::Callees),
        Just(Question::Sessions),
    ]
}

pub(crate) fn op() -> impl Strategy<Value = Op> {
    let at = || 0..SESSIONS;
    let which = || 0..8_usize;
    let leave = prop::sample::select(&[Leave::Goodbye, Leave::Abort, Leave::Lost][..]);
    let mode = prop::option::of(prop::sample::select(
        &[CancelMode::Skip, CancelMode::Kill, CancelMode::KillNoWait][..],
    ));
    prop_oneof![
        10 => (at(), prop::bool::weighted(0.2), any::<u8>())
            .prop_map(|(at, limited, features)| Op::Join { at, limited, features }),
        2 => (at(), leave).prop_map(|(at, how)| Op::Leave { at, how }),
        8 => (at(), pattern(), prop::bool::weighted(0.4))
            .prop_map(|(at, pattern, get_retained)| Op::Subscribe { at, pattern, get_retained }),
        2 => (at(), prop::sample::select(&META[..]))
            .prop_map(|(at, pattern)| Op::Subscribe { at, pattern, get_retained: false }),
        4 => (at(), which()).prop_map(|(at, which)| Op::Unsubscribe { at, which }),
        9 => (at(), uri(), publish()).prop_map(|(at, topic, options)| Op::Publish { at, topic, options }),
        9 => (at(), pattern(), register())
            .prop_map(|(at, pattern, options)| Op::Register { at, pattern, options }),
        3 => (at(), which()).prop_map(|(at, which)| Op::Unregister { at, which }),
        14 => (at(), uri(), call()).prop_map(|(at, procedure, options)| Op::Call { at, procedure, options }),
        4 => (at(), which(), any::<bool>()).prop_map(|(at, which, last)| Op::Continue { at, which, last }),
        1 => (at(), which(), uri()).prop_map(|(at, which, procedure)| Op::CallAgain { at, which, procedure }),
        10 => (at(), which(), prop::bool::weighted(0.4))
            .prop_map(|(at, which, progress)| Op::Yield { at, which, progress }),
        4 => (at(), which(), any::<bool>())
            .prop_map(|(at, which, unavailable)| Op::Fail { at, which, unavailable }),
        4 => (at(), which(), mode).prop_map(|(at, which, mode)| Op::Cancel { at, which, mode }),
        1 => (at(), uri(), any::<bool>())
            .prop_map(|(at, topic, detached)| Op::Testament { at, topic, detached }),
        3 => (at(), question()).prop_map(|(at, question)| Op::Ask { at, question }),
        1 => (at(), any::<bool>(), which())
            .prop_map(|(at, subscriber, which)| Op::Remove { at, subscriber, which }),
        1 => (at(), at()).prop_map(|(at, whom)| Op::Kill { at, whom }),
        3 => (5..30_u64).prop_map(|milliseconds| Op::Wait { milliseconds }),
    ]
}
