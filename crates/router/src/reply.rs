//! The messages that the router itself makes, and the URIs of its errors.

use transom_wamp::{Dict, ErrorMessage, Id, Message, Payload, Serializer, Text, Value};

pub(crate) const AUTHENTICATION_FAILED: &str = "wamp.error.authentication_failed";
pub(crate) const CANCELED: &str = "wamp.error.canceled";
pub(crate) const FEATURE_NOT_SUPPORTED: &str = "wamp.error.feature_not_supported";
pub(crate) const INVALID_URI: &str = "wamp.error.invalid_uri";
pub(crate) const NO_SUCH_PROCEDURE: &str = "wamp.error.no_such_procedure";
pub(crate) const NO_SUCH_REALM: &str = "wamp.error.no_such_realm";
pub(crate) const NO_SUCH_REGISTRATION: &str = "wamp.error.no_such_registration";
pub(crate) const NO_SUCH_ROLE: &str = "wamp.error.no_such_role";
pub(crate) const NO_SUCH_SUBSCRIPTION: &str = "wamp.error.no_such_subscription";
pub(crate) const NOT_AUTHORIZED: &str = "wamp.error.not_authorized";
pub(crate) const OPTION_NOT_ALLOWED: &str = "wamp.error.option_not_allowed";
pub(crate) const PAYLOAD_SIZE_EXCEEDED: &str = "wamp.error.payload_size_exceeded";
pub(crate) const PROCEDURE_ALREADY_EXISTS: &str = "wamp.error.procedure_already_exists";
pub(crate) const UNAVAILABLE: &str = "wamp.error.unavailable";

pub(crate) const CLOSE_REALM: &str = "wamp.close.close_realm";
pub(crate) const GOODBYE_AND_OUT: &str = "wamp.close.goodbye_and_out";
pub(crate) const LOGOUT: &str = "wamp.close.logout";
pub(crate) const SYSTEM_SHUTDOWN: &str = "wamp.close.system_shutdown";

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
