//! What messages carry, as JSON on the command line.
//!
//! Numbers keep all their digits, and binary values are the strings that WAMP's JSON has for them: U+0000 and Base64.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use transom_wamp::{Dict, Message, Payload, Serializer, Shape, Value, decode};

/// Arguments and keyword arguments.
#[derive(Debug, Serialize)]
pub(super) struct Carried {
    args: Vec<Box<RawValue>>,
    kwargs: Box<RawValue>,
}

/// An event on a line.
#[derive(Debug, Serialize)]
pub(super) struct EventLine {
    pub(super) topic: String,
    pub(super) publication: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) publisher: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) retained: bool,
    #[serde(flatten)]
    pub(super) carried: Carried,
}

/// A call on a line, for the command that answers it.
#[derive(Debug, Serialize)]
pub(super) struct CallLine {
    pub(super) procedure: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) caller: Option<u64>,
    #[serde(flatten)]
    pub(super) carried: Carried,
}

/// Something on one line.
pub(super) fn line(what: &impl Serialize) -> String {
    // Nothing in it can fail to be written.
    serde_json::to_string(what).unwrap_or_default()
}

/// Arguments and keyword arguments on one line.
pub(in crate::cli) fn message(args: &[Value], kwargs: &Dict) -> String {
    line(&Carried::of(&Payload::from_values(Serializer::Json, args, kwargs)))
}

/// A payload without anything.
pub(super) fn nothing() -> Payload {
    Payload::empty(Serializer::Json)
}

impl Carried {
    pub(super) fn of(payload: &Payload) -> Self {
        // What came as JSON may have line breaks between its parts; what comes from CBOR has none.
        let payload = payload.to(Serializer::Cbor).to(Serializer::Json);
        let text = std::str::from_utf8(&payload.bytes).unwrap_or_default();
        let parts: Vec<Box<RawValue>> = serde_json::from_str(&format!("[{text}]")).unwrap_or_default();
        let mut parts = parts.into_iter();
        let args = match payload.shape {
            Shape::Opaque => parts.next().into_iter().collect(),
            _ => parts.next().and_then(|args| serde_json::from_str(args.get()).ok()).unwrap_or_default(),
        };
        let kwargs = parts.next().or_else(|| RawValue::from_string("{}".to_owned()).ok());
        Carried { args, kwargs: kwargs.unwrap_or_default() }
    }

    /// The only argument, where there is nothing else.
    pub(super) fn only_value(&self) -> Option<&str> {
        match self.args.as_slice() {
            [value] if self.kwargs.get() == "{}" => Some(value.get()),
            _ => None,
        }
    }
}

/// One argument: JSON, or a string that does not begin as a list, a map or a string of JSON.
pub(super) fn argument(text: &str) -> Result<String, String> {
    let trimmed = text.trim();
    match serde_json::from_str::<&RawValue>(trimmed) {
        Ok(_) => Ok(trimmed.to_owned()),
        Err(error) if trimmed.starts_with(['{', '[', '"']) => {
            Err(format!("the argument {text:?} is no JSON: {error}"))
        }
        Err(_) => Ok(line(&text)),
    }
}

/// A JSON object.
pub(super) fn object(text: &str) -> Result<String, String> {
    let trimmed = text.trim();
    match serde_json::from_str::<&RawValue>(trimmed) {
        Ok(_) if trimmed.starts_with('{') => Ok(trimmed.to_owned()),
        Ok(_) => Err("it must be a JSON object".to_owned()),
        Err(error) => Err(format!("it is no JSON: {error}")),
    }
}

/// The payload of these arguments, each JSON, and of keyword arguments, a JSON object.
pub(super) fn payload(args: &[String], kwargs: Option<&str>) -> Result<Payload, String> {
    let args = args.join(",");
    let carried = match kwargs {
        None if args.is_empty() => return Ok(nothing()),
        None => format!("[{args}]"),
        Some(kwargs) => format!("[{args}],{kwargs}"),
    };
    // As the arguments of a message they are checked as those of a peer would be.
    let call = format!("[48,1,{{}},\"a\",{carried}]");
    match decode(Serializer::Json, &Bytes::from(call)) {
        Ok(Message::Call(call)) => Ok(call.payload),
        Ok(_) => Err("the arguments are no arguments".to_owned()),
        Err(error) => Err(format!("the arguments cannot be sent: {error}")),
    }
}

/// What a command prints that fails or answers.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Printed<'a> {
    error: Option<String>,
    #[serde(borrow)]
    args: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    kwargs: Option<BTreeMap<String, &'a RawValue>>,
}

impl Printed<'_> {
    fn payload(&self) -> Result<Payload, String> {
        let args: Vec<_> = self.args.iter().flatten().map(|value| value.get().to_owned()).collect();
        payload(&args, self.kwargs.as_ref().map(line).as_deref())
    }
}

/// What the output of a command stands for: nothing; `{"args": […], "kwargs": {…}}` of which one may be missing; or any
/// other value, which is the only argument.
pub(super) fn answer(output: &str) -> Result<Payload, String> {
    let trimmed = output.trim();
    if trimmed.is_empty() {
        return Ok(nothing());
    }
    let value: &RawValue = serde_json::from_str(trimmed).map_err(|error| error.to_string())?;
    match serde_json::from_str::<Printed<'_>>(value.get()) {
        Ok(printed) if printed.error.is_none() && (printed.args.is_some() || printed.kwargs.is_some()) => {
            printed.payload()
        }
        _ => payload(&[value.get().to_owned()], None),
    }
}

/// The error that the output of a command stands for: `{"error": URI, "args": […], "kwargs": {…}}`.
pub(super) fn error(output: &str) -> Option<(String, Payload)> {
    let printed: Printed<'_> = serde_json::from_str(output.trim()).ok()?;
    let payload = printed.payload().ok()?;
    Some((printed.error?, payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(payload: &Payload) -> String {
        line(&Carried::of(payload))
    }

    #[test]
    fn argument_when_it_begins_as_json_must_be_json_and_else_may_be_a_string() {
        for (text, json) in [
            ("2", "2"),
            ("-1.5e3", "-1.5e3"),
            ("true", "true"),
            ("null", "null"),
            ("\"2\"", "\"2\""),
            (" [1, 2] ", "[1, 2]"),
            ("hello", "\"hello\""),
            ("2 apples", "\"2 apples\""),
            ("", "\"\""),
            ("say \"x\"", "\"say \\\"x\\\"\""),
        ] {
            assert_eq!(argument(text).as_deref(), Ok(json), "{text}");
        }
        for text in ["{", "[1", "\"a", "{\"a\": b}"] {
            assert!(argument(text).unwrap_err().contains("is no JSON"), "{text}");
        }
    }

    #[test]
    fn payload_keeps_what_it_is_given() {
        let big = "123456789012345678901234567890";
        let args = [big.to_owned(), "\"\\u0000AQI=\"".to_owned(), "{ \"a\":\n[1] }".to_owned()];
        let sent = payload(&args, Some("{\"k\": null}")).unwrap();
        let expected = format!(r#"{{"args":[{big},"\u0000AQI=",{{"a":[1]}}],"kwargs":{{"k":null}}}}"#);
        assert_eq!(shown(&sent), expected);
        assert_eq!(shown(&payload(&[], None).unwrap()), r#"{"args":[],"kwargs":{}}"#);
        assert_eq!(shown(&payload(&[], Some("{\"a\":1}")).unwrap()), r#"{"args":[],"kwargs":{"a":1}}"#);
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        assert!(argument(&deep).is_err() || payload(&[deep], None).is_err());
        assert!(object("[1]").is_err() && object("{").is_err());
    }

    #[test]
    fn answer_of_a_command_is_a_value_or_both_parts() {
        for (output, result) in [
            ("", r#"{"args":[],"kwargs":{}}"#),
            ("7\n", r#"{"args":[7],"kwargs":{}}"#),
            ("[1,2]", r#"{"args":[[1,2]],"kwargs":{}}"#),
            (r#"{"args":[1,2]}"#, r#"{"args":[1,2],"kwargs":{}}"#),
            (r#"{"kwargs":{"a":1}}"#, r#"{"args":[],"kwargs":{"a":1}}"#),
            (r#"{"args":[1],"more":2}"#, r#"{"args":[{"args":[1],"more":2}],"kwargs":{}}"#),
            ("{}", r#"{"args":[{}],"kwargs":{}}"#),
        ] {
            assert_eq!(shown(&answer(output).unwrap()), result, "{output}");
        }
        assert!(answer("hello").is_err() && answer("1 2").is_err());
        let (uri, carried) = error(r#"{"error": "com.example.no", "args": ["x"]}"#).unwrap();
        assert_eq!(uri, "com.example.no");
        assert_eq!(shown(&carried), r#"{"args":["x"],"kwargs":{}}"#);
        assert!(error("7").is_none() && error("{\"args\": []}").is_none());
    }

    #[test]
    fn only_value_is_there_when_there_is_nothing_else() {
        for (args, kwargs, value) in [
            (&["5"][..], None, Some("5")),
            (&[], None, None),
            (&["1", "2"], None, None),
            (&["1"], Some("{\"a\":1}"), None),
        ] {
            let args: Vec<_> = args.iter().map(|text| (*text).to_owned()).collect();
            let carried = Carried::of(&payload(&args, kwargs).unwrap());
            assert_eq!(carried.only_value(), value);
        }
    }
}
