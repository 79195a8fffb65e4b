//! The options and details of each message. Unknown keys are skipped; of a key that stands twice the last counts.

use super::envelope::{Envelope, Field};
use crate::codec::{Reader, Result, fault};
use crate::message::*;
use crate::{DecodeError, Dict, Id, Text, Value};

pub(super) fn hello<'a, R: Reader<'a>>(e: &mut Envelope<'a, R>) -> Result<HelloDetails> {
    let mut details = HelloDetails::default();
    let mut roles = false;
    e.options("Details", |field, key| {
        match key {
            b"roles" => {
                details.roles = client_roles(field)?;
                roles = true;
            }
            b"agent" => details.agent = Some(field.text("agent")?),
            b"authmethods" => details.authmethods = Some(field.texts("authmethods")?),
            b"authid" => details.authid = Some(field.text("authid")?),
            b"authrole" => details.authrole = Some(field.text("authrole")?),
            b"authextra" => details.authextra = Some(field.dict("authextra")?),
            // Nothing is ever resumed, which is what leaving them out of WELCOME says.
            b"resumable" => drop(field.boolean("resumable")?),
            b"resume-session" => drop(field.integer("resume-session")?),
            b"resume-token" => drop(field.text("resume-token")?),
            _ => field.skip()?,
        }
        Ok(())
    })?;
    if !roles {
        let expected = "there: a map of publisher, subscriber, caller and callee";
        return Err(fault(DecodeError::Option { message: "HELLO", option: "roles", expected }));
    }
    Ok(details)
}

fn client_roles<'a, R: Reader<'a>>(field: &mut Field<'_, 'a, R>) -> Result<ClientRoles> {
    const EXPECTED: &str = "a map of at least one of publisher, subscriber, caller and callee";
    let mut roles = ClientRoles::default();
    field.map("roles", EXPECTED, |field, role| {
        let slot = match role.as_bytes() {
            b"publisher" => &mut roles.publisher,
            b"subscriber" => &mut roles.subscriber,
            b"caller" => &mut roles.caller,
            b"callee" => &mut roles.callee,
            _ => return field.wrong("roles", EXPECTED),
        };
        *slot = Some(features(field)?);
        Ok(())
    })?;
    if roles == ClientRoles::default() {
        return field.wrong("roles", EXPECTED);
    }
    Ok(roles)
}

fn features<'a, R: Reader<'a>>(field: &mut Field<'_, 'a, R>) -> Result<Features> {
    let mut features = Features::default();
    field.map("roles", "a map of maps", |field, key| {
        if key != "features" {
            return field.skip();
        }
        features.0.clear();
        field.map("features", "a map of names to true or false", |field, mut name| {
            if name == "call_cancelling" {
                name = Text::from_static("call_canceling");
            }
            let announced = field.boolean("features")?;
            features.0.retain(|known| *known != name);
            if announced {
                features.0.push(name);
            }
            Ok(())
        })
    })?;
    Ok(features)
}

/// Details of ABORT and GOODBYE.
pub(super) fn farewell<'a, R: Reader<'a>>(e: &mut Envelope<'a, R>) -> Result<Option<Text>> {
    let mut message = None;
    e.options("Details", |field, key| {
        match key {
            b"message" => message = Some(field.text("message")?),
            _ => field.skip()?,
        }
        Ok(())
    })?;
    Ok(message)
}

pub(super) fn error<'a, R: Reader<'a>>(e: &mut Envelope<'a, R>) -> Result<Passthru> {
    let mut passthru = None;
    e.options("Details", |field, key| end_to_end(field, key, &mut passthru))?;
    Ok(passthru)
}

pub(super) fn publish<'a, R: Reader<'a>>(e: &mut Envelope<'a, R>) -> Result<PublishOptions> {
    let mut options = PublishOptions::default();
    e.options("Options", |field, key| {
        let receivers = &mut options.receivers;
        match key {
            b"acknowledge" => options.acknowledge = field.boolean("acknowledge")?,
            b"exclude_me" => options.exclude_me = Some(field.boolean("exclude_me")?),
            b"disclose_me" => options.disclose_me = field.boolean("disclose_me")?,
            b"retain" => options.retain = field.boolean("retain")?,
            b"exclude" => receivers.get_or_insert_default().exclude = field.ids("exclude")?,
            b"exclude_authid" => {
                receivers.get_or_insert_default().exclude_authid = field.texts("exclude_authid")?;
            }
            b"exclude_authrole" => {
                receivers.get_or_insert_default().exclude_authrole = field.texts("exclude_authrole")?;
            }
            b"eligible" => receivers.get_or_insert_default().eligible = Some(field.ids("eligible")?),
            b"eligible_authid" => {
                receivers.get_or_insert_default().eligible_authid = Some(field.texts("eligible_authid")?);
            }
            b"eligible_authrole" => {
                receivers.get_or_insert_default().eligible_authrole = Some(field.texts("eligible_authrole")?);
            }
            _ => end_to_end(field, key, &mut options.passthru)?,
        }
        Ok(())
    })?;
    // An empty list that excludes nobody is no limit.
    options.receivers = options.receivers.filter(|receivers| **receivers != Receivers::default());
    Ok(options)
}

const MATCHES: (&str, [(&str, Match); 3]) = (
    "one of exact, prefix and wildcard",
    [("exact", Match::Exact), ("prefix", Match::Prefix), ("wildcard", Match::Wildcard)],
);

pub(super) fn subscribe<'a, R: Reader<'a>>(e: &mut Envelope<'a, R>) -> Result<(Match, bool)> {
    let (mut matching, mut get_retained) = (Match::Exact, false);
    e.options("Options", |field, key| {
        match key {
            b"match" => matching = field.word("match", MATCHES.0, &MATCHES.1)?,
            b"get_retained" => get_retained = field.boolean("get_retained")?,
            b"forward_for" => forward_for(field)?,
            _ => field.skip()?,
        }
        Ok(())
    })?;
    Ok((matching, get_retained))
}

/// Options of UNSUBSCRIBE and UNREGISTER, and details of their answers.
pub(super) fn ignored<'a, R: Reader<'a>>(e: &mut Envelope<'a, R>) -> Result<()> {
    e.options("Options", |field, key| match key {
        b"forward_for" => forward_for(field),
        _ => field.skip(),
    })
}

pub(super) fn revocation<'a, R: Reader<'a>>(e: &mut Envelope<'a, R>, of: &'static str) -> Result<Revocation> {
    let (mut id, mut reason) = (None, None);
    e.options("Details", |field, key| {
        match key {
            _ if key == of.as_bytes() => id = Some(field.id(of)?),
            b"reason" => reason = Some(field.text("reason")?),
            _ => field.skip()?,
        }
        Ok(())
    })?;
    match id {
        Some(id) => Ok(Revocation { id, reason }),
        None => {
            let expected = "there, since the request is 0";
            Err(fault(DecodeError::Option { message: e.name(), option: of, expected }))
        }
    }
}

/// Who sent an event or a call, piece by piece.
#[derive(Default)]
struct Disclosed {
    session: Option<Id>,
    authid: Text,
    authrole: Text,
}

impl Disclosed {
    /// Without a session the rest names nobody.
    fn identity(self) -> Option<Box<Identity>> {
        let Disclosed { session, authid, authrole } = self;
        session.map(|session| Box::new(Identity { session, authid, authrole }))
    }
}

pub(super) fn event<'a, R: Reader<'a>>(e: &mut Envelope<'a, R>) -> Result<EventDetails> {
    let mut details = EventDetails::default();
    let mut publisher = Disclosed::default();
    e.options("Details", |field, key| {
        match key {
            b"publisher" => publisher.session = Some(field.id("publisher")?),
            b"publisher_authid" => publisher.authid = field.text("publisher_authid")?,
            b"publisher_authrole" => publisher.authrole = field.text("publisher_authrole")?,
            b"topic" => details.topic = Some(field.text("topic")?),
            b"retained" => details.retained = field.boolean("retained")?,
            b"trustlevel" => details.trustlevel = Some(field.trustlevel()?),
            b"x_acknowledged_delivery" => drop(field.boolean("x_acknowledged_delivery")?),
            _ => end_to_end(field, key, &mut details.passthru)?,
        }
        Ok(())
    })?;
    details.publisher = publisher.identity();
    Ok(details)
}

pub(super) fn call<'a, R: Reader<'a>>(e: &mut Envelope<'a, R>) -> Result<CallOptions> {
    let mut options = CallOptions::default();
    e.options("Options", |field, key| {
        match key {
            b"timeout" => options.timeout = field.integer("timeout")?,
            b"receive_progress" => options.receive_progress = field.boolean("receive_progress")?,
            b"progress" => options.progress = field.boolean("progress")?,
            b"disclose_me" => options.disclose_me = field.boolean("disclose_me")?,
            _ => end_to_end(field, key, &mut options.passthru)?,
        }
        Ok(())
    })?;
    Ok(options)
}

pub(super) fn cancel<'a, R: Reader<'a>>(e: &mut Envelope<'a, R>) -> Result<Option<CancelMode>> {
    let mut mode = None;
    e.options("Options", |field, key| {
        match key {
            b"mode" => {
                let words = [
                    ("skip", CancelMode::Skip),
                    ("kill", CancelMode::Kill),
                    ("killnowait", CancelMode::KillNoWait),
                ];
                mode = Some(field.word("mode", "one of skip, kill and killnowait", &words)?);
            }
            b"forward_for" => forward_for(field)?,
            _ => field.skip()?,
        }
        Ok(())
    })?;
    Ok(mode)
}

/// Options of YIELD and details of RESULT.
pub(super) fn result<'a, R: Reader<'a>>(e: &mut Envelope<'a, R>) -> Result<(bool, Passthru)> {
    let (mut progress, mut passthru) = (false, None);
    e.options("Options", |field, key| {
        match key {
            b"progress" => progress = field.boolean("progress")?,
            _ => end_to_end(field, key, &mut passthru)?,
        }
        Ok(())
    })?;
    Ok((progress, passthru))
}

pub(super) fn register<'a, R: Reader<'a>>(e: &mut Envelope<'a, R>) -> Result<RegisterOptions> {
    let mut options = RegisterOptions::default();
    e.options("Options", |field, key| {
        match key {
            b"match" => options.matching = field.word("match", MATCHES.0, &MATCHES.1)?,
            b"invoke" => {
                let words = [
                    ("single", Invoke::Single),
                    ("roundrobin", Invoke::RoundRobin),
                    ("random", Invoke::Random),
                    ("first", Invoke::First),
                    ("last", Invoke::Last),
                ];
                options.invoke =
                    field.word("invoke", "one of single, roundrobin, random, first and last", &words)?;
            }
            b"concurrency" => match field.integer("concurrency")? {
                0 => return field.wrong("concurrency", "an integer above 0"),
                limit => options.concurrency = Some(limit),
            },
            b"force_reregister" => options.force_reregister = field.boolean("force_reregister")?,
            b"disclose_caller" => options.disclose_caller = field.boolean("disclose_caller")?,
            b"forward_timeout" => options.forward_timeout = field.boolean("forward_timeout")?,
            b"forward_for" => forward_for(field)?,
            _ => field.skip()?,
        }
        Ok(())
    })?;
    Ok(options)
}

pub(super) fn invocation<'a, R: Reader<'a>>(e: &mut Envelope<'a, R>) -> Result<InvocationDetails> {
    let mut details = InvocationDetails::default();
    let mut caller = Disclosed::default();
    e.options("Details", |field, key| {
        match key {
            b"caller" => caller.session = Some(field.id("caller")?),
            b"caller_authid" => caller.authid = field.text("caller_authid")?,
            b"caller_authrole" => caller.authrole = field.text("caller_authrole")?,
            b"procedure" => details.procedure = Some(field.text("procedure")?),
            b"timeout" => details.timeout = field.integer("timeout")?,
            b"receive_progress" => details.receive_progress = field.boolean("receive_progress")?,
            b"progress" => details.progress = field.boolean("progress")?,
            b"trustlevel" => details.trustlevel = Some(field.trustlevel()?),
            _ => end_to_end(field, key, &mut details.passthru)?,
        }
        Ok(())
    })?;
    details.caller = caller.identity();
    Ok(details)
}

pub(super) fn interrupt<'a, R: Reader<'a>>(e: &mut Envelope<'a, R>) -> Result<(CancelMode, Option<Text>)> {
    let (mut mode, mut reason) = (CancelMode::KillNoWait, None);
    e.options("Options", |field, key| {
        match key {
            b"mode" => {
                let words = [("kill", CancelMode::Kill), ("killnowait", CancelMode::KillNoWait)];
                mode = field.word("mode", "one of kill and killnowait", &words)?;
            }
            b"reason" => reason = Some(field.text("reason")?),
            b"forward_for" => forward_for(field)?,
            _ => field.skip()?,
        }
        Ok(())
    })?;
    Ok((mode, reason))
}

/// What is passed on from end to end; other keys are skipped.
fn end_to_end<'a, R: Reader<'a>>(
    field: &mut Field<'_, 'a, R>,
    key: &[u8],
    passthru: &mut Passthru,
) -> Result<()> {
    let option = match key {
        b"ppt_scheme" => "ppt_scheme",
        b"ppt_serializer" => "ppt_serializer",
        b"ppt_cipher" => "ppt_cipher",
        b"ppt_keyid" => "ppt_keyid",
        b"enc_algo" => "enc_algo",
        b"enc_key" => "enc_key",
        b"enc_serializer" => "enc_serializer",
        b"transaction_hash" => "transaction_hash",
        b"forward_for" => return forward_for(field),
        _ => return field.skip(),
    };
    let value = field.text(option)?;
    let own = value.as_bytes().starts_with(b"x_");
    match option {
        "enc_algo" if !own && !ENC_ALGOS.contains(&&*value) => {
            return field.wrong(option, "one of cryptobox, mqtt, xbr and null, or begin with x_");
        }
        "enc_serializer" if !own && !ENC_SERIALIZERS.contains(&&*value) => {
            let expected =
                "one of json, msgpack, cbor, ubjson, flatbuffers, opaque and null, or begin with x_";
            return field.wrong(option, expected);
        }
        _ => {}
    }
    let Dict(known) = &mut **passthru.get_or_insert_default();
    known.retain(|(key, _)| *key != option);
    known.push((Text::from_static(option), Value::Text(value)));
    Ok(())
}

const ENC_ALGOS: [&str; 4] = ["cryptobox", "mqtt", "xbr", "null"];
const ENC_SERIALIZERS: [&str; 7] = ["json", "msgpack", "cbor", "ubjson", "flatbuffers", "opaque", "null"];

/// The way of a message over links between routers: checked, and kept for nobody, since only a link may say it.
fn forward_for<'a, R: Reader<'a>>(field: &mut Field<'_, 'a, R>) -> Result<()> {
    const OPTION: &str = "forward_for";
    const EXPECTED: &str = "a list of maps with session, authid and authrole";
    field.list(OPTION, EXPECTED, |field| {
        let mut found = [false; 3];
        field.map(OPTION, EXPECTED, |field, key| {
            match key.as_bytes() {
                b"session" => {
                    field.id(OPTION)?;
                    found[0] = true;
                }
                b"authid" => {
                    field.text(OPTION)?;
                    found[1] = true;
                }
                b"authrole" => {
                    field.text(OPTION)?;
                    found[2] = true;
                }
                _ => field.skip()?,
            }
            Ok(())
        })?;
        if found == [true; 3] { Ok(()) } else { field.wrong(OPTION, EXPECTED) }
    })?;
    Ok(())
}
