//! `wamp.session.*`: counting, listing, describing and ending sessions. Those of the router itself are nobody's business.

use std::sync::Arc;

use transom_wamp::{Id, Text, Value};

use super::arguments::Arguments;
use super::{Answer, no_such_session};
use crate::describe;
use crate::port::open::Open;
use crate::port::permission::Refused;
use crate::reply;
use crate::session::{Ending, Session};

/// The sessions that may be known, by ID.
fn visible(open: &Open) -> Vec<Arc<Session>> {
    let mut all = open.realm.members.all();
    all.retain(|session| !session.role.trusted);
    all
}

/// The IDs of those of the roles that a caller may name.
fn of_roles(open: &Open, roles: Option<&[Text]>) -> Vec<Id> {
    let named = |session: &Session| roles.is_none_or(|roles| roles.contains(&session.role.name));
    open.realm.members.ids(|session| !session.role.trusted && named(session))
}

fn ids(sessions: &[Arc<Session>]) -> Value {
    Value::List(sessions.iter().map(|session| session.id.into()).collect())
}

pub(super) fn count(open: &mut Open, arguments: &Arguments) -> Answer {
    arguments.at_most(1)?;
    let count = match arguments.texts(0, "filter_authroles")? {
        Some(roles) => of_roles(open, Some(&roles)).len(),
        None => open.realm.members.count(),
    };
    Ok(Some(Value::from(count as u64)))
}

pub(super) fn list(open: &mut Open, arguments: &Arguments) -> Answer {
    arguments.at_most(1)?;
    let roles = arguments.texts(0, "filter_authroles")?;
    Ok(Some(Value::List(of_roles(open, roles.as_deref()).into_iter().map(Value::from).collect())))
}

pub(super) fn get(open: &mut Open, arguments: &Arguments) -> Answer {
    arguments.at_most(1)?;
    let id = arguments.id(0, "session")?;
    match open.realm.members.get(id).filter(|session| !session.role.trusted) {
        Some(session) => Ok(Some(Value::Map(describe::session(&open.realm, &session)))),
        None => no_such_session(id),
    }
}

/// How sessions are to end.
fn ending(arguments: &Arguments, quiet: bool) -> Result<Ending, Refused> {
    let reason = arguments.reason(None)?.unwrap_or(Text::from_static(reply::KILLED));
    Ok(Ending { reason, message: arguments.named_text("message", None)?, quiet })
}

/// Ends sessions, but for the caller's own. They count as gone at once; their own tasks say GOODBYE.
fn end(open: &Open, sessions: Vec<Arc<Session>>, ending: &Ending) -> Vec<Arc<Session>> {
    let mut ended = sessions;
    ended.retain(|session| {
        if session.id == open.session.id || !session.end(ending.clone()) {
            return false;
        }
        open.realm.members.remove(session.id);
        tracing::info!(session = %session.id, by = %open.session.id, reason = %ending.reason, "session is ended from elsewhere");
        true
    });
    ended
}

pub(super) fn kill(open: &mut Open, arguments: &Arguments) -> Answer {
    arguments.at_most(1)?;
    let id = arguments.id(0, "session")?;
    let ending = ending(arguments, false)?;
    let session = open.realm.members.get(id).filter(|session| !session.role.trusted);
    if end(open, session.into_iter().collect(), &ending).is_empty() {
        return no_such_session(id);
    }
    Ok(None)
}

pub(super) fn kill_by_authid(open: &mut Open, arguments: &Arguments) -> Answer {
    arguments.at_most(1)?;
    let authid = arguments.text(0, "authid")?;
    let ending = ending(arguments, false)?;
    let mut sessions = visible(open);
    sessions.retain(|session| session.authid == authid);
    Ok(Some(ids(&end(open, sessions, &ending))))
}

pub(super) fn kill_by_authrole(open: &mut Open, arguments: &Arguments) -> Answer {
    arguments.at_most(1)?;
    let role = arguments.text(0, "authrole")?;
    let ending = ending(arguments, false)?;
    let mut sessions = visible(open);
    sessions.retain(|session| session.role.name == role);
    Ok(Some(ids(&end(open, sessions, &ending))))
}

pub(super) fn kill_all(open: &mut Open, arguments: &Arguments) -> Answer {
    arguments.at_most(0)?;
    let ending = ending(arguments, true)?;
    let ended = end(open, visible(open), &ending);
    Ok(Some(Value::from(ended.len() as u64)))
}
