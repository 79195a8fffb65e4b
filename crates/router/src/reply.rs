//! The messages that the router itself makes, and the URIs of its errors.

use transom_wamp::{Dict, ErrorMessage, Id, Message, Payload, Serializer, Text, Value};

pub(crate) use transom_wamp::uri::{
    AUTHENTICATION_FAILED, AUTHORIZATION_FAILED, CANCELED, CLOSE_REALM, FEATURE_NOT_SUPPORTED,
    GOODBYE_AND_OUT, HISTORY_UNAVAILABLE, INVALID_ARGUMENT, INVALID_URI, KILLED, LOGOUT,
    MAX_CONCURRENCY_REACHED, NO_AVAILABLE_CALLEE, NO_SUCH_PROCEDURE, NO_SUCH_REALM, NO_SUCH_REGISTRATION,
    NO_SUCH_ROLE, NO_SUCH_SESSION, NO_SUCH_SUBSCRIPTION, NOT_AUTHORIZED,
    OPTION_DISALLOWED_DISCLOSE_ME as DISCLOSE_ME_DISALLOWED, OPTION_NOT_ALLOWED, PAYLOAD_SIZE_EXCEEDED,
    PROCEDURE_ALREADY_EXISTS, PROCEDURE_EXISTS_WITH_DIFFERENT_INVOCATION_POLICY, SYSTEM_SHUTDOWN,
    TESTAMENT_ERROR, TIMEOUT, UNAVAILABLE,
};

/// An ERROR with a sentence for people as its only argument.
pub(crate) fn error(
    serializer: Serializer,
    request_type: u16,
    request: Id,
    uri: &'static str,
    text: impl Into<Text>,
) -> Message {
    let payload = Payload::from_values(serializer, &[Value::Text(text.into())], &Dict::default());
    Message::Error(ErrorMessage {
        request_type,
        request,
        passthru: None,
        error: Text::from_static(uri),
        payload,
    })
}

/// What a callee's ERROR is told as when its error is no URI.
pub(crate) fn no_uri(answer: ErrorMessage) -> ErrorMessage {
    let text = format!("the callee answered with the error '{:.100}', which is no URI", answer.error);
    let serializer = answer.payload.serializer;
    ErrorMessage {
        passthru: None,
        error: Text::from_static(INVALID_URI),
        payload: Payload::from_values(serializer, &[Value::Text(text.into())], &Dict::default()),
        ..answer
    }
}
