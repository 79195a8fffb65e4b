//! `anonymous-proxy` and `cryptosign-proxy`: a proxy has authenticated its client and names it in `authextra`. The
//! first is for proxies on the same machine, the second for those that prove who they are by `cryptosign`.

use transom_base::Address;
use transom_wamp::{Dict, Text, Value};

use crate::login::Login;
use crate::{Principal, Step};

/// Begins `anonymous-proxy`.
pub(crate) fn anonymous(login: &Login) -> Step {
    match login.transport.info.peer {
        Address::Unix(_) | Address::Memory(_) => vouched(login),
        _ => login.malformed("'anonymous-proxy' is for Unix sockets only; use 'cryptosign-proxy'"),
    }
}

/// Whom the proxy vouches for.
pub(crate) fn vouched(login: &Login) -> Step {
    let needed = |key: &str| {
        login.extra_text(key)?.ok_or_else(|| login.malformed(format!("authextra.{key} of HELLO is missing")))
    };
    let extra = || match login.extra.get("proxy_authextra") {
        None | Some(Value::Null) => Ok(Dict::default()),
        Some(Value::Map(extra)) => Ok(extra.clone()),
        Some(_) => Err(login.malformed("authextra.proxy_authextra of HELLO is no map")),
    };
    let principal = || {
        Ok(Principal {
            realm: needed("proxy_realm")?,
            authid: needed("proxy_authid")?,
            role: needed("proxy_authrole")?,
            method: login.extra_text("proxy_authmethod")?.unwrap_or(Text::from_static(login.method.name())),
            provider: login.extra_text("proxy_authprovider")?.unwrap_or(Text::from_static("static")),
            extra: extra()?,
        })
    };
    principal().map_or_else(|step| step, |principal| Step::Welcome(Box::new(principal)))
}
