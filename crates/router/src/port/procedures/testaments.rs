//! `wamp.session.add_testament` and `wamp.session.flush_testaments`.

use transom_wamp::{Dict, Id, Payload, Publish, PublishOptions, Receivers, Text, Value};

use super::arguments::{Arguments, id};
use super::{Answer, fails};
use crate::port::open::Open;
use crate::port::permission::Refused;
use crate::port::testaments::Scope;
use crate::reply;
use crate::scratch;

/// The scope at a place or by name.
fn scope(arguments: &Arguments, at: usize) -> Result<Scope, Refused> {
    let Some(word) = arguments.named_text("scope", Some(at))? else { return Ok(Scope::Destroyed) };
    match word.as_str() {
        "destroyed" => Ok(Scope::Destroyed),
        "detached" => Ok(Scope::Detached),
        _ => fails(reply::TESTAMENT_ERROR, "the scope of a testament is 'destroyed' or 'detached'"),
    }
}

pub(super) fn add(open: &mut Open, arguments: &Arguments) -> Answer {
    arguments.at_most(5)?;
    let topic = arguments.text(0, "topic")?.detached();
    let args = arguments.list(1, "args")?;
    let kwargs = arguments.map("kwargs", 2)?;
    let options = publish_options(&arguments.map("publish_options", 3)?)?;
    let scope = scope(arguments, 4)?;
    let payload = Payload::from_values(open.session.serializer, &args, &kwargs);
    let publish = Publish { request: Id::default(), options, topic, payload };
    open.add_testament(publish, scope)?;
    Ok(Some(scratch::random_id().into()))
}

pub(super) fn flush(open: &mut Open, arguments: &Arguments) -> Answer {
    arguments.at_most(1)?;
    let scope = scope(arguments, 0)?;
    Ok(Some(Value::from(open.testaments.flush(scope) as u64)))
}

/// Options of PUBLISH from a map. An acknowledgement would come too late, and the session itself is gone.
fn publish_options(map: &Dict) -> Result<PublishOptions, Refused> {
    let mut options = PublishOptions::default();
    let mut receivers = Receivers::default();
    for (key, value) in &map.0 {
        if *value == Value::Null {
            continue;
        }
        match key.as_str() {
            "disclose_me" => options.disclose_me = flag(key, value)?,
            "retain" => options.retain = flag(key, value)?,
            "exclude" => receivers.exclude = list(key, value, id)?,
            "exclude_authid" => receivers.exclude_authid = list(key, value, text)?,
            "exclude_authrole" => receivers.exclude_authrole = list(key, value, text)?,
            "eligible" => receivers.eligible = Some(list(key, value, id)?),
            "eligible_authid" => receivers.eligible_authid = Some(list(key, value, text)?),
            "eligible_authrole" => receivers.eligible_authrole = Some(list(key, value, text)?),
            "transaction_hash" => match text(value) {
                Some(hash) => options.passthru.get_or_insert_default().push(key.clone(), hash),
                None => return wrong(key),
            },
            _ => {}
        }
    }
    options.receivers = (receivers != Receivers::default()).then(|| Box::new(receivers));
    Ok(options)
}

fn wrong<T>(key: &str) -> Result<T, Refused> {
    fails(reply::INVALID_ARGUMENT, format!("the option '{key}' in 'publish_options' is of another type"))
}

fn flag(key: &str, value: &Value) -> Result<bool, Refused> {
    match value {
        Value::Bool(flag) => Ok(*flag),
        _ => wrong(key),
    }
}

fn text(value: &Value) -> Option<Text> {
    match value {
        Value::Text(text) => Some(text.detached()),
        _ => None,
    }
}

fn list<T>(key: &str, value: &Value, item: impl Fn(&Value) -> Option<T>) -> Result<Vec<T>, Refused> {
    let Value::List(items) = value else { return wrong(key) };
    match items.iter().map(item).collect() {
        Some(list) => Ok(list),
        None => wrong(key),
    }
}
