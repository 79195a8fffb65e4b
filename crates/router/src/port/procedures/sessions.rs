//! `wamp.session.*`: counting, listing, describing and ending sessions. Those of the router itself are nobody's business.

use std::sync::Arc;

use transom_wamp::{Text, Value};

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

/// Those of the roles that a caller may name.
fn of_roles(open: &Open, arguments: &Arguments) -> Result<Vec<Arc<Session>>, Refused> {
    arguments.at_most(1)?;
    let roles = arguments.texts(0, "filter_authroles")?;
    let mut sessions = visible(open);
    if let Some(roles) = roles {
        sessions.retain(|session| roles.contains(&session.role.name));
    }
    Ok(sessions)
}

fn ids(sessions: &[Arc<Session>]) -> Value {
    Value::List(sessions.iter().map(|session| session.id.into()).collect())
}

pub(super) fn count(open: &mut Open, arguments: &Arguments) -> Answer {
    Ok(Some(Value::from(of_roles(open, arguments)?.len() as u64)))
}

pub(super) fn list(open: &mut Open, arguments: &Arguments) -> Answer {
    Ok(Some(ids(&of_roles(open, arguments)?)))
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
