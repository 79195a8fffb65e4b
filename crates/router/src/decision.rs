//! What a role may do with a URI.

use transom_config::{Allow, Disclose};

/// The answer for all actions on one URI at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Decision {
    pub(crate) allow: Allow,
    pub(crate) disclose: Disclose,
}

/// What needs permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    Call,
    Register,
    Publish,
    Subscribe,
}

impl Decision {
    /// Everything allowed, nobody disclosed.
    pub(crate) const ALLOW: Decision = Decision {
        allow: Allow { call: true, register: true, publish: true, subscribe: true },
        disclose: Disclose { caller: false, publisher: false },
    };

    /// Nothing allowed.
    pub(crate) const DENY: Decision = Decision {
        allow: Allow { call: false, register: false, publish: false, subscribe: false },
        disclose: Disclose { caller: false, publisher: false },
    };

    /// Everything allowed and everybody disclosed.
    pub(crate) const TRUST: Decision =
        Decision { allow: Decision::ALLOW.allow, disclose: Disclose { caller: true, publisher: true } };

    pub(crate) fn allows(self, action: Action) -> bool {
        match action {
            Action::Call => self.allow.call,
            Action::Register => self.allow.register,
            Action::Publish => self.allow.publish,
            Action::Subscribe => self.allow.subscribe,
        }
    }
}

impl Action {
    /// As authorizers are told.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Action::Call => "call",
            Action::Register => "register",
            Action::Publish => "publish",
            Action::Subscribe => "subscribe",
        }
    }

    /// In a sentence, before a URI.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Action::Call => "call",
            Action::Register => "register",
            Action::Publish => "publish to",
            Action::Subscribe => "subscribe to",
        }
    }
}
