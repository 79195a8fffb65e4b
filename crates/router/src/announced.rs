//! What of a client's announcements matters to the router.

use transom_wamp::{ClientRoles, Features};

/// Features of a client, by the role they were announced for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Announced {
    pub(crate) publisher_passthru: bool,
    pub(crate) subscription_revocation: bool,
    pub(crate) caller_passthru: bool,
    pub(crate) caller_timeout: bool,
    pub(crate) caller_reroute: bool,
    /// As a caller: `progressive_call_invocations`.
    pub(crate) progressive_calls: bool,
    pub(crate) callee_passthru: bool,
    pub(crate) callee_timeout: bool,
    pub(crate) callee_reroute: bool,
    pub(crate) canceling: bool,
    /// As a callee: `progressive_call_invocations`.
    pub(crate) progressive_invocations: bool,
    pub(crate) registration_revocation: bool,
}

impl Announced {
    pub(crate) fn new(roles: &ClientRoles) -> Self {
        let has =
            |features: &Option<Features>, name| features.as_ref().is_some_and(|features| features.has(name));
        let ClientRoles { publisher, subscriber, caller, callee } = roles;
        Announced {
            publisher_passthru: has(publisher, "payload_passthru_mode"),
            subscription_revocation: has(subscriber, "subscription_revocation"),
            caller_passthru: has(caller, "payload_passthru_mode"),
            caller_timeout: has(caller, "call_timeout"),
            caller_reroute: has(caller, "call_reroute"),
            progressive_calls: has(caller, "progressive_call_invocations"),
            callee_passthru: has(callee, "payload_passthru_mode"),
            callee_timeout: has(callee, "call_timeout"),
            callee_reroute: has(callee, "call_reroute"),
            canceling: has(callee, "call_canceling"),
            progressive_invocations: has(callee, "progressive_call_invocations"),
            registration_revocation: has(callee, "registration_revocation"),
        }
    }
}
