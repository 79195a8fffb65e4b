//! What holds of every message and of every sequence of bytes.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use transom_wamp::*;

use crate::encode;

fn serializer() -> impl Strategy<Value = Serializer> {
    proptest::sample::select(&Serializer::ALL[..])
}

fn id() -> BoxedStrategy<Id> {
    prop_oneof![0..300u64, 0..=Id::MAX, Just(Id::MAX)].prop_map(|id| Id::new(id).unwrap()).boxed()
}

/// Any text but what JSON takes for bytes.
fn text() -> BoxedStrategy<Text> {
    prop_oneof!["[a-z]{1,4}(\\.[a-z]{1,4}){0,3}", "\\PC{0,40}", any::<String>()]
        .prop_filter("no bytes", |text| !text.starts_with('\0'))
        .prop_map(Text::from)
        .boxed()
}

fn leaf() -> BoxedStrategy<Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-40..300i64).prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        // JSON has no others.
        any::<f64>().prop_filter("finite", |value| value.is_finite()).prop_map(Value::from),
        any::<f32>()
            .prop_filter("finite", |value| value.is_finite())
            .prop_map(|value| Value::from(f64::from(value))),
        text().prop_map(Value::from),
        vec(any::<u8>(), 0..40).prop_map(|bytes| Value::Binary(bytes.into())),
    ]
    .boxed()
}

fn dict_of(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Dict> {
    vec((text(), value), 0..5).prop_map(Dict)
}

fn value() -> BoxedStrategy<Value> {
    leaf()
        .prop_recursive(6, 40, 6, |inner| {
            prop_oneof![vec(inner.clone(), 0..6).prop_map(Value::List), dict_of(inner).prop_map(Value::Map)]
        })
        .boxed()
}

fn dict() -> BoxedStrategy<Dict> {
    dict_of(value()).boxed()
}

fn payload(serializer: Serializer) -> BoxedStrategy<Payload> {
    prop_oneof![
        3 => (vec(value(), 0..4), dict()).prop_map(move |(args, kwargs)| Payload::from_values(serializer, &args, &kwargs)),
        1 => vec(any::<u8>(), 0..40).prop_map(move |bytes| Payload::from_opaque(serializer, &bytes)),
    ].boxed()
}

fn passthru() -> BoxedStrategy<Passthru> {
    const KEYS: &[&str] =
        &["ppt_scheme", "ppt_serializer", "ppt_cipher", "ppt_keyid", "enc_key", "transaction_hash"];
    let some = (proptest::sample::subsequence(KEYS, 1..6), text()).prop_map(|(keys, text)| {
        Box::new(Dict(keys.into_iter().map(|key| (key.into(), Value::Text(text.clone()))).collect()))
    });
    option::weighted(0.3, some).boxed()
}

fn identity() -> BoxedStrategy<Option<Box<Identity>>> {
    option::of(
        (id(), text(), text())
            .prop_map(|(session, authid, authrole)| Box::new(Identity { session, authid, authrole })),
    )
    .boxed()
}

fn trustlevel() -> BoxedStrategy<Option<TrustLevel>> {
    option::of((0..u32::MAX).prop_map(TrustLevel::new)).boxed()
}

fn features() -> BoxedStrategy<Option<Features>> {
    option::of(
        proptest::sample::subsequence(&["a", "b", "call_canceling"][..], 0..3)
            .prop_map(|names| Features(names.into_iter().map(Text::from).collect())),
    )
    .boxed()
}

fn hello() -> BoxedStrategy<Message> {
    let roles = (features(), features(), features(), features())
        .prop_map(|(publisher, subscriber, caller, callee)| ClientRoles {
            publisher,
            subscriber,
            caller,
            callee,
        })
        .prop_filter("a role", |roles| *roles != ClientRoles::default());
    let options = (option::of(text()), option::of(vec(text(), 0..4)), option::of(text()), option::of(dict()));
    (option::of(text()), roles, options, option::of(text()))
        .prop_map(|(realm, roles, (agent, authmethods, authid, authextra), authrole)| {
            let details = HelloDetails { roles, agent, authmethods, authid, authrole, authextra };
            Message::Hello(Box::new(Hello { realm, details }))
        })
        .boxed()
}

fn receivers() -> BoxedStrategy<Option<Box<Receivers>>> {
    let lists = (vec(id(), 0..3), vec(text(), 0..3), vec(text(), 0..3));
    let limits = (option::of(vec(id(), 0..3)), option::of(vec(text(), 0..3)), option::of(vec(text(), 0..3)));
    option::weighted(0.3, (lists, limits))
        .prop_map(|lists| {
            let ((exclude, exclude_authid, exclude_authrole), limits) = lists?;
            let (eligible, eligible_authid, eligible_authrole) = limits;
            let receivers = Receivers {
                exclude,
                exclude_authid,
                exclude_authrole,
                eligible,
                eligible_authid,
                eligible_authrole,
            };
            (receivers != Receivers::default()).then(|| Box::new(receivers))
        })
        .boxed()
}

fn flags() -> impl Strategy<Value = [bool; 4]> {
    any::<[bool; 4]>()
}

/// Messages whose payload is written with a serializer.
fn message(serializer: Serializer) -> BoxedStrategy<Message> {
    let p = move || payload(serializer);
    let matching = || proptest::sample::select(&[Match::Exact, Match::Prefix, Match::Wildcard][..]);
    let opening = prop_oneof![
        hello(),
        (id(), dict()).prop_map(|(session, details)| Message::Welcome(Welcome { session, details })),
        (option::of(text()), text()).prop_map(|(message, reason)| Message::Abort(Abort { message, reason })),
        (option::of(text()), text())
            .prop_map(|(message, reason)| Message::Goodbye(Goodbye { message, reason })),
        (text(), dict()).prop_map(|(method, extra)| Message::Challenge(Challenge { method, extra })),
        (text(), dict())
            .prop_map(|(signature, extra)| Message::Authenticate(Authenticate { signature, extra })),
    ]
    .boxed();
    let pubsub = prop_oneof![
        (id(), flags(), option::of(any::<bool>()), receivers(), passthru(), text(), p()).prop_map(
            |(
                request,
                [acknowledge, disclose_me, retain, _],
                exclude_me,
                receivers,
                passthru,
                topic,
                payload,
            )| {
                let options =
                    PublishOptions { acknowledge, exclude_me, disclose_me, retain, receivers, passthru };
                Message::Publish(Publish { request, options, topic, payload })
            }
        ),
        (id(), matching(), any::<bool>(), text()).prop_map(|(request, matching, get_retained, topic)| {
            Message::Subscribe(Subscribe { request, matching, get_retained, topic })
        }),
        (id(), id(), identity(), option::of(text()), any::<bool>(), trustlevel(), passthru(), p()).prop_map(
            |(subscription, publication, publisher, topic, retained, trustlevel, passthru, payload)| {
                let details = EventDetails { publisher, topic, retained, trustlevel, passthru };
                Message::Event(Event { subscription, publication, details, payload })
            }
        ),
        (id(), option::of(text()))
            .prop_map(|(id, reason)| Message::SubscriptionRevoked(Revocation { id, reason })),
        (id(), option::of(text()))
            .prop_map(|(id, reason)| Message::RegistrationRevoked(Revocation { id, reason })),
    ]
    .boxed();
    let calls = prop_oneof![
        (id(), any::<u64>(), flags(), passthru(), text(), p()).prop_map(
            |(
                request,
                timeout,
                [receive_progress, progress, disclose_me, _],
                passthru,
                procedure,
                payload,
            )| {
                let options = CallOptions { timeout, receive_progress, progress, disclose_me, passthru };
                Message::Call(Call { request, options, procedure, payload })
            }
        ),
        (id(), any::<bool>(), passthru(), p()).prop_map(|(request, progress, passthru, payload)| {
            Message::Result(ResultMessage { request, progress, passthru, payload })
        }),
        (id(), any::<bool>(), passthru(), p()).prop_map(|(request, progress, passthru, payload)| {
            Message::Yield(Yield { request, progress, passthru, payload })
        }),
        (any::<u16>(), id(), passthru(), text(), p()).prop_map(
            |(request_type, request, passthru, error, payload)| {
                Message::Error(ErrorMessage { request_type, request, passthru, error, payload })
            }
        ),
        (id(), id(), (identity(), option::of(text()), 0..100_000u64, flags(), trustlevel()), passthru(), p())
            .prop_map(
                |(
                    request,
                    registration,
                    (caller, procedure, timeout, flags, trustlevel),
                    passthru,
                    payload,
                )| {
                    let [receive_progress, progress, ..] = flags;
                    let details = InvocationDetails {
                        caller,
                        procedure,
                        timeout,
                        receive_progress,
                        progress,
                        trustlevel,
                        passthru,
                    };
                    Message::Invocation(Invocation { request, registration, details, payload })
                }
            ),
        (id(), matching(), 0..5usize, option::of(1..=u64::MAX), flags(), text()).prop_map(
            |(request, matching, invoke, concurrency, flags, procedure)| {
                let [force_reregister, disclose_caller, forward_timeout, _] = flags;
                let invoke =
                    [Invoke::Single, Invoke::RoundRobin, Invoke::Random, Invoke::First, Invoke::Last][invoke];
                let options = RegisterOptions {
                    matching,
                    invoke,
                    concurrency,
                    force_reregister,
                    disclose_caller,
                    forward_timeout,
                };
                Message::Register(Register { request, options, procedure })
            }
        ),
        (id(), option::of(0..3usize)).prop_map(|(request, mode)| {
            let modes = [CancelMode::Skip, CancelMode::Kill, CancelMode::KillNoWait];
            Message::Cancel(Cancel { request, mode: mode.map(|mode| modes[mode]) })
        }),
        (id(), any::<bool>(), option::of(text())).prop_map(|(request, kill, reason)| {
            let mode = if kill { CancelMode::Kill } else { CancelMode::KillNoWait };
            Message::Interrupt(Interrupt { request, mode, reason })
        }),
    ]
    .boxed();
    let plain = (id(), id(), 0..8).prop_map(|(request, other, which)| match which {
        0 => Message::Published(Published { request, publication: other }),
        1 => Message::Subscribed(Subscribed { request, subscription: other }),
        2 => Message::Unsubscribe(Unsubscribe { request, subscription: other }),
        3 => Message::Registered(Registered { request, registration: other }),
        4 => Message::Unregister(Unregister { request, registration: other }),
        5 => Message::Unsubscribed(Unsubscribed { request }),
        6 => Message::Unregistered(Unregistered { request }),
        _ => Message::EventReceived(request),
    });
    prop_oneof![opening, pubsub, calls, plain].boxed()
}

/// A serializer and a message of it.
fn any_message() -> BoxedStrategy<(Serializer, Message)> {
    serializer().prop_flat_map(|serializer| (Just(serializer), message(serializer))).boxed()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn messages_when_written_are_read_back((serializer, message) in any_message()) {
        let bytes = encode(serializer, &message);
        prop_assert_eq!(decode(serializer, &bytes), Ok(message), "{}", serializer);
    }

    #[test]
    fn messages_when_cut_short_are_refused((serializer, message) in any_message()) {
        let bytes = encode(serializer, &message);
        for end in 0..bytes.len() {
            prop_assert!(decode(serializer, &bytes.slice(..end)).is_err(), "{} {}", serializer, end);
        }
    }

    #[test]
    fn messages_when_followed_by_something_are_refused((serializer, message) in any_message(), byte: u8) {
        let bytes = [&encode(serializer, &message)[..], &[byte]].concat();
        let space = serializer.is_text() && byte.is_ascii_whitespace();
        prop_assert_eq!(decode(serializer, &bytes.into()).is_ok(), space && byte != 0x0c);
    }

    #[test]
    fn messages_when_passed_on_carry_the_same_values((from, message) in any_message(), to in serializer()) {
        let there = decode(to, &encode(to, &message)).unwrap();
        let back = decode(from, &encode(from, &there)).unwrap();
        prop_assert_eq!(back.payload().map(Payload::to_values), message.payload().map(Payload::to_values));
        prop_assert_eq!(there.payload().map(Payload::to_values), message.payload().map(Payload::to_values));
        prop_assert_eq!(back, message);
    }

    #[test]
    fn messages_when_changed_anywhere_never_panic(
        (from, message) in any_message(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        to in serializer(),
    ) {
        let mut bytes = encode(from, &message).to_vec();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        check(from, bytes.into(), to);
    }

    #[test]
    fn bytes_when_random_never_panic(
        from in serializer(),
        bytes in vec(any::<u8>(), 0..200),
        to in serializer(),
        shape in proptest::sample::select(&[Shape::Args, Shape::ArgsKwargs, Shape::Opaque][..]),
    ) {
        let bytes = Bytes::from(bytes);
        check(from, bytes.clone(), to);
        let payload = Payload { serializer: from, shape, bytes };
        let other = payload.to(to);
        if to != from {
            prop_assert!(other.shape == Shape::Empty || other.to_values().is_ok());
        }
        let _ = payload.to_values();
    }

    #[test]
    fn payloads_when_transcoded_are_always_valid(
        from in serializer(),
        item in vec(any::<u8>(), 0..12),
        to in serializer(),
    ) {
        // A list of one item of random bytes: often enough something valid.
        let args = match from {
            Serializer::Json => [b"[", &item[..], b"]"].concat(),
            Serializer::MsgPack => [&[0x91], &item[..]].concat(),
            Serializer::Cbor => [&[0x81], &item[..]].concat(),
            Serializer::BjData | Serializer::Ubjson => [b"[", &item[..], b"]"].concat(),
        };
        let frame = match from {
            Serializer::Json => [b"[70,1,{},", &args[..], b"]"].concat(),
            Serializer::MsgPack => [&[0x94, 70, 1, 0x80], &args[..]].concat(),
            Serializer::Cbor => [&[0x84, 0x18, 70, 1, 0xa0], &args[..]].concat(),
            Serializer::BjData | Serializer::Ubjson => [b"[U\x46U\x01{}", &args[..], b"]"].concat(),
        };
        check(from, frame.into(), to);
    }
}

/// What can be read can be written for every receiver, and keeps its shape.
fn check(from: Serializer, frame: Bytes, to: Serializer) {
    let Ok(message) = decode(from, &frame) else { return };
    let there = decode(to, &encode(to, &message)).unwrap();
    assert_eq!(there.code(), message.code());
    assert_eq!(there.payload().map(|payload| payload.shape), message.payload().map(|payload| payload.shape));
    assert!(message.payload().is_none_or(|payload| payload.to_values().is_ok()));
}
