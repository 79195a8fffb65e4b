//! The arguments of a call that the router answers itself.

use transom_wamp::uri::{Form, UriCheck};
use transom_wamp::{Dict, Id, Match, Payload, Text, Value};

use super::fails;
use crate::port::permission::Refused;
use crate::reply;
use crate::uri;

/// Positional and keyword arguments. A null counts as left out.
pub(super) struct Arguments {
    pub(super) args: Vec<Value>,
    pub(super) kwargs: Dict,
}

type Found<T> = Result<T, Refused>;

/// The argument is missing or of another type.
fn wrong<T>(what: &str, expected: &str) -> Found<T> {
    fails(reply::INVALID_ARGUMENT, format!("the argument '{what}' must be {expected}"))
}

pub(super) fn id(value: &Value) -> Option<Id> {
    let number = match value {
        Value::Int(number) => u64::try_from(*number).ok()?,
        Value::Uint(number) => *number,
        // Some clients write large integers as floats.
        Value::Float(number) if number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(number) => {
            *number as u64
        }
        _ => return None,
    };
    Id::new(number)
}

impl Arguments {
    pub(super) fn read(payload: &Payload) -> Option<Self> {
        let (args, kwargs) = payload.to_values().ok()?;
        Some(Arguments { args, kwargs })
    }

    /// Refuses more positional arguments than there are meanings for.
    pub(super) fn at_most(&self, most: usize) -> Found<()> {
        if self.args.len() <= most {
            return Ok(());
        }
        let text = format!("{} positional arguments where at most {most} are taken", self.args.len());
        fails(reply::INVALID_ARGUMENT, text)
    }

    /// A positional argument.
    pub(super) fn at(&self, at: usize) -> Option<&Value> {
        self.args.get(at).filter(|value| **value != Value::Null)
    }

    /// A keyword argument, which may also stand at a place.
    pub(super) fn named(&self, key: &str, at: Option<usize>) -> Option<&Value> {
        self.kwargs.get(key).filter(|value| **value != Value::Null).or_else(|| self.at(at?))
    }

    pub(super) fn id(&self, at: usize, what: &str) -> Found<Id> {
        match self.at(at).and_then(id) {
            Some(id) => Ok(id),
            None => wrong(what, "an integer from 0 to 2^53"),
        }
    }

    pub(super) fn text(&self, at: usize, what: &str) -> Found<Text> {
        match self.at(at) {
            Some(Value::Text(text)) => Ok(text.clone()),
            _ => wrong(what, "a string"),
        }
    }

    pub(super) fn named_text(&self, key: &str, at: Option<usize>) -> Found<Option<Text>> {
        match self.named(key, at) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text.clone())),
            Some(_) => wrong(key, "a string"),
        }
    }

    /// A reason, which is a URI.
    pub(super) fn reason(&self, at: Option<usize>) -> Found<Option<Text>> {
        match self.named_text("reason", at)? {
            Some(reason) if !uri::is_valid(&reason, UriCheck::Loose, Form::NonEmpty) => {
                fails(reply::INVALID_URI, format!("the reason '{reason}' is no valid URI"))
            }
            reason => Ok(reason),
        }
    }

    pub(super) fn named_id(&self, key: &str) -> Found<Option<Id>> {
        match self.named(key, None) {
            None => Ok(None),
            Some(value) => match id(value) {
                Some(id) => Ok(Some(id)),
                None => wrong(key, "an integer from 0 to 2^53"),
            },
        }
    }

    /// A number from 0.
    pub(super) fn named_number(&self, key: &str, at: Option<usize>) -> Found<Option<usize>> {
        match self.named(key, at) {
            None => Ok(None),
            Some(value) => match id(value).map(|number| usize::try_from(number.get())) {
                Some(Ok(number)) => Ok(Some(number)),
                _ => wrong(key, "an integer that is not negative"),
            },
        }
    }

    pub(super) fn named_flag(&self, key: &str) -> Found<bool> {
        match self.named(key, None) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => wrong(key, "true or false"),
        }
    }

    /// A list of strings; none where it is left out.
    pub(super) fn texts(&self, at: usize, what: &str) -> Found<Option<Vec<Text>>> {
        let list = match self.at(at) {
            None => return Ok(None),
            Some(Value::List(list)) => list,
            Some(_) => return wrong(what, "a list of strings"),
        };
        let text = |value: &Value| match value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        };
        match list.iter().map(text).collect() {
            Some(texts) => Ok(Some(texts)),
            None => wrong(what, "a list of strings"),
        }
    }

    /// `options.match` at a place.
    pub(super) fn matching(&self, at: usize) -> Found<Match> {
        let options = match self.at(at) {
            None => return Ok(Match::Exact),
            Some(Value::Map(options)) => options,
            Some(_) => return wrong("options", "a map"),
        };
        match options.get("match") {
            None | Some(Value::Null) => Ok(Match::Exact),
            Some(Value::Text(word)) if *word == *"exact" => Ok(Match::Exact),
            Some(Value::Text(word)) if *word == *"prefix" => Ok(Match::Prefix),
            Some(Value::Text(word)) if *word == *"wildcard" => Ok(Match::Wildcard),
            Some(_) => wrong("match", "one of exact, prefix and wildcard"),
        }
    }

    /// A list at a place; empty where it is left out.
    pub(super) fn list(&self, at: usize, what: &str) -> Found<Vec<Value>> {
        match self.at(at) {
            None => Ok(Vec::new()),
            Some(Value::List(list)) => Ok(list.clone()),
            Some(_) => wrong(what, "a list"),
        }
    }

    /// A map, by name or at a place; empty where it is left out.
    pub(super) fn map(&self, key: &str, at: usize) -> Found<Dict> {
        match self.named(key, Some(at)) {
            None => Ok(Dict::default()),
            Some(Value::Map(map)) => Ok(map.clone()),
            Some(_) => wrong(key, "a map"),
        }
    }
}
