//! `ticket`: the client sends a secret as it is. Source: WAMP specification, "Ticket-based Authentication".

use std::collections::HashMap;
use std::sync::Arc;

use transom_wamp::{Authenticate, Dict, Text, Value};

use crate::dynamic::{self, Dynamic, Then};
use crate::login::{Given, Login};
use crate::{Secret, Step, step};

/// `ticket` of a transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TicketSettings {
    /// The principals are known.
    Static {
        /// Each by its authid.
        principals: HashMap<String, TicketPrincipal>,
        /// The role of principals without one (`default-role`). Default: they are refused.
        default_role: Option<Text>,
    },
    /// An authenticator gets the ticket and decides.
    Dynamic(Dynamic),
}

/// A principal of `ticket`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketPrincipal {
    /// What it sends.
    pub ticket: Secret,
    /// Its role.
    pub role: Option<Text>,
    /// Its realm, whichever it asks for. Default: the one it asks for.
    pub realm: Option<Text>,
}

#[derive(Debug)]
pub(crate) struct Unanswered {
    login: Login,
    authid: Text,
    settings: Arc<TicketSettings>,
}

/// Begins with a HELLO.
pub(crate) fn start(settings: &Arc<TicketSettings>, login: Login) -> Step {
    // Whether the authid exists shows only together with whether the ticket is right.
    let Some(authid) = login.authid.clone() else { return login.no_authid() };
    let pending = Unanswered { login: login.clone(), authid, settings: settings.clone() };
    login.challenge(Dict::default(), step::Unanswered::Ticket(Box::new(pending)))
}

impl Unanswered {
    pub(crate) fn authenticate(self, answer: &Authenticate) -> Step {
        let Unanswered { login, authid, settings } = self;
        match &*settings {
            TicketSettings::Static { principals, default_role } => {
                let Some(principal) = principals.get(&*authid) else {
                    return login.denied(format!("no principal '{authid}'"));
                };
                if !principal.ticket.is(&answer.signature) {
                    return login.denied(format!("wrong ticket for '{authid}'"));
                }
                let given = Given {
                    realm: principal.realm.clone(),
                    role: principal.role.clone(),
                    ..Given::default()
                };
                login.welcome(given, default_role.as_ref())
            }
            TicketSettings::Dynamic(dynamic) => {
                let mut details = Dict::default();
                details.push("ticket", Value::Text(answer.signature.clone()));
                dynamic::ask(login, dynamic, details, Then::Welcome)
            }
        }
    }
}
