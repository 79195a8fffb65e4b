//! `anonymous`: a client that proves nothing. Source: WAMP specification, "Anonymous Authentication".

use transom_config::AnonymousConfig;
use transom_wamp::{HelloDetails, Text};

use crate::serial::serial;
use crate::{Method, Principal, Refused, Step};

/// The static kind: everybody gets the configured role. A client does not choose its authid.
pub(crate) fn open(config: &AnonymousConfig, realm: Option<&Text>, hello: &HelloDetails) -> Step {
    let authid = match &config.authid {
        Some(authid) => authid.clone(),
        None => match serial() {
            Ok(serial) => serial,
            Err(error) => return Step::Refused(Refused::failed(format!("no random authid: {error}"))),
        },
    };
    Step::Accepted(Principal {
        realm: realm.cloned().or_else(|| config.realm.as_deref().map(Text::from)),
        authid: authid.into(),
        role: config.role.as_str().into(),
        method: Method::Anonymous,
        provider: "static",
        extra: hello.authextra.clone().unwrap_or_default(),
    })
}
