//! URIs: their syntax, and those that WAMP itself uses. Source: WAMP specification, "URIs".
//! What a role may do with a URI is none of its business.

mod check;

pub use check::{Form, UriCheck, is_realm_name, is_reserved, is_valid, is_valid_text};

/// What a URI of WAMP's own begins with.
pub const RESERVED_PREFIX: &str = "wamp.";

/// ERROR: a URI is malformed or reserved.
pub const INVALID_URI: &str = "wamp.error.invalid_uri";
/// ERROR to a CALL: nothing is registered.
pub const NO_SUCH_PROCEDURE: &str = "wamp.error.no_such_procedure";
/// ERROR to a REGISTER: the procedure is registered, and not shared.
pub const PROCEDURE_ALREADY_EXISTS: &str = "wamp.error.procedure_already_exists";
/// ERROR to a REGISTER: the procedure is shared in another way. Used by Crossbar.io.
pub const PROCEDURE_EXISTS_WITH_DIFFERENT_INVOCATION_POLICY: &str =
    "wamp.error.procedure_exists_with_different_invocation_policy";
/// ERROR to an UNREGISTER, and in the meta API.
pub const NO_SUCH_REGISTRATION: &str = "wamp.error.no_such_registration";
/// ERROR to an UNSUBSCRIBE, and in the meta API.
pub const NO_SUCH_SUBSCRIPTION: &str = "wamp.error.no_such_subscription";
/// ERROR in the meta API.
pub const NO_SUCH_SESSION: &str = "wamp.error.no_such_session";
/// ERROR: the arguments do not fit.
pub const INVALID_ARGUMENT: &str = "wamp.error.invalid_argument";
/// ERROR: the payload does not fit its schema.
pub const INVALID_PAYLOAD: &str = "wamp.error.invalid_payload";
/// ERROR to a CALL: it was canceled, or its callee is gone.
pub const CANCELED: &str = "wamp.error.canceled";
/// ERROR to a CALL: it took too long.
pub const TIMEOUT: &str = "wamp.error.timeout";
/// ERROR: the message is larger than its receiver accepts.
pub const PAYLOAD_SIZE_EXCEEDED: &str = "wamp.error.payload_size_exceeded";
/// ERROR: the role may not do that. ABORT of Crossbar.io: the credentials are wrong.
pub const NOT_AUTHORIZED: &str = "wamp.error.not_authorized";
/// ERROR: whoever is to decide on it failed.
pub const AUTHORIZATION_FAILED: &str = "wamp.error.authorization_failed";
/// ERROR, newer name for [`NOT_AUTHORIZED`].
pub const AUTHORIZATION_DENIED: &str = "wamp.error.authorization_denied";
/// ERROR, newer name: authorization is needed first.
pub const AUTHORIZATION_REQUIRED: &str = "wamp.error.authorization_required";
/// ABORT: authentication failed for a technical reason.
pub const AUTHENTICATION_FAILED: &str = "wamp.error.authentication_failed";
/// ABORT: the credentials are wrong.
pub const AUTHENTICATION_DENIED: &str = "wamp.error.authentication_denied";
/// ABORT: credentials are needed.
pub const AUTHENTICATION_REQUIRED: &str = "wamp.error.authentication_required";
/// ABORT: no authentication method in common.
pub const NO_MATCHING_AUTH_METHOD: &str = "wamp.error.no_matching_auth_method";
/// ABORT: no authentication method in common; the name that Crossbar.io uses.
pub const NO_AUTH_METHOD: &str = "wamp.error.no_auth_method";
/// ABORT: there is no such realm.
pub const NO_SUCH_REALM: &str = "wamp.error.no_such_realm";
/// ABORT: there is no such role.
pub const NO_SUCH_ROLE: &str = "wamp.error.no_such_role";
/// ABORT: there is no such principal.
pub const NO_SUCH_PRINCIPAL: &str = "wamp.error.no_such_principal";
/// ABORT sent by clients that have no answer to a CHALLENGE.
pub const CANNOT_AUTHENTICATE: &str = "wamp.error.cannot_authenticate";
/// ABORT: the peer broke the protocol.
pub const PROTOCOL_VIOLATION: &str = "wamp.error.protocol_violation";
/// ERROR: an option is not allowed.
pub const OPTION_NOT_ALLOWED: &str = "wamp.error.option_not_allowed";
/// ERROR: nobody is disclosed here.
pub const OPTION_DISALLOWED_DISCLOSE_ME: &str = "wamp.error.option_disallowed.disclose_me";
/// ERROR: a peer lacks the feature that is needed.
pub const FEATURE_NOT_SUPPORTED: &str = "wamp.error.feature_not_supported";
/// ERROR by a callee that wants the call to go to another.
pub const UNAVAILABLE: &str = "wamp.error.unavailable";
/// ERROR to a CALL: all callees are unavailable.
pub const NO_AVAILABLE_CALLEE: &str = "wamp.error.no_available_callee";
/// ERROR to a CALL: no callee is eligible.
pub const NO_ELIGIBLE_CALLEE: &str = "wamp.error.no_eligible_callee";
/// ERROR: the router's network failed.
pub const NETWORK_FAILURE: &str = "wamp.error.network_failure";
/// ERROR: a procedure failed in a way that has no name.
pub const RUNTIME_ERROR: &str = "wamp.error.runtime_error";
/// The reason of UNREGISTERED where another callee took the procedure by force.
pub const UNREGISTERED: &str = "wamp.error.unregistered";
/// ERROR in the meta API: no history is kept of these events.
pub const HISTORY_UNAVAILABLE: &str = "wamp.error.history_unavailable";
/// ERROR in the meta API: a testament has no such scope.
pub const TESTAMENT_ERROR: &str = "wamp.error.testament_error";
/// ERROR to a CALL: all callees have as many invocations as they take.
pub const MAX_CONCURRENCY_REACHED: &str = "crossbar.error.max_concurrency_reached";

/// GOODBYE: the usual reason.
pub const CLOSE_NORMAL: &str = "wamp.close.normal";
/// GOODBYE: the answer to GOODBYE.
pub const GOODBYE_AND_OUT: &str = "wamp.close.goodbye_and_out";
/// GOODBYE: the client leaves the realm.
pub const CLOSE_REALM: &str = "wamp.close.close_realm";
/// GOODBYE: the router stops.
pub const SYSTEM_SHUTDOWN: &str = "wamp.close.system_shutdown";
/// GOODBYE: the session was ended from elsewhere.
pub const KILLED: &str = "wamp.close.killed";
/// GOODBYE by a client whose cookie is to be forgotten.
pub const LOGOUT: &str = "wamp.close.logout";
/// Why a session ended whose transport broke; never sent.
pub const TRANSPORT_LOST: &str = "wamp.close.transport_lost";
