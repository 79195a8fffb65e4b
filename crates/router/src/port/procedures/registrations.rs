//! `wamp.registration.*`.

use std::sync::Arc;

use transom_wamp::Value;

use super::arguments::Arguments;
use super::subscriptions::{by_match, session};
use super::{Answer, fails};
use crate::describe;
use crate::port::open::Open;
use crate::port::permission::Refused;
use crate::registration::Registration;
use crate::reply;

pub(super) fn list(open: &mut Open, arguments: &Arguments) -> Answer {
    arguments.at_most(1)?;
    let mut registrations: Vec<Arc<Registration>> = match arguments.at(0) {
        None => open.realm.registration_ids.all(),
        Some(_) => {
            let session = session(open, arguments, 0)?;
            let held = session.held.lock();
            held.registrations.values().map(|(registration, _)| registration.clone()).collect()
        }
    };
    registrations.retain(|registration| !open.hides(&registration.uri));
    registrations.sort_unstable_by_key(|registration| registration.id);
    Ok(Some(by_match(registrations.iter().map(|registration| (registration.matching, registration.id)))))
}

pub(super) fn lookup(open: &mut Open, arguments: &Arguments) -> Answer {
    arguments.at_most(2)?;
    let (uri, matching) = (arguments.text(0, "procedure")?, arguments.matching(1)?);
    let found = open.realm.find_registration(matching, &uri).filter(|found| !open.hides(&found.uri));
    Ok(Some(found.map(|registration| registration.id).into()))
}

pub(super) fn matching(open: &mut Open, arguments: &Arguments) -> Answer {
    arguments.at_most(1)?;
    let uri = arguments.text(0, "procedure")?;
    let found = open.realm.registration_for(&uri).filter(|found| !open.hides(&found.uri));
    Ok(Some(found.map(|registration| registration.id).into()))
}

/// The registration that a caller asks about.
fn registration(open: &Open, arguments: &Arguments) -> Result<Arc<Registration>, Refused> {
    let id = arguments.id(0, "registration")?;
    match open.realm.registration_ids.get(id) {
        Some(found) if open.hides(&found.uri) => {
            fails(reply::NOT_AUTHORIZED, format!("the registration {id} is the router's own business"))
        }
        Some(found) => Ok(found),
        None => fails(reply::NO_SUCH_REGISTRATION, format!("no registration {id} on this realm")),
    }
}

pub(super) fn get(open: &mut Open, arguments: &Arguments) -> Answer {
    arguments.at_most(1)?;
    let registration = registration(open, arguments)?;
    Ok(Some(Value::Map(describe::registration(&registration))))
}

pub(super) fn list_callees(open: &mut Open, arguments: &Arguments) -> Answer {
    arguments.at_most(1)?;
    let callees = registration(open, arguments)?.callees();
    Ok(Some(Value::List(callees.iter().map(|callee| callee.id.into()).collect())))
}

pub(super) fn count_callees(open: &mut Open, arguments: &Arguments) -> Answer {
    arguments.at_most(1)?;
    let callees = registration(open, arguments)?.callees();
    Ok(Some(Value::from(callees.len() as u64)))
}

pub(super) fn remove_callee(open: &mut Open, arguments: &Arguments) -> Answer {
    arguments.at_most(3)?;
    let registration = registration(open, arguments)?;
    let session = session(open, arguments, 1)?;
    let reason = arguments.reason(Some(2))?;
    let callee = session.held.lock().registrations.get(&registration.id).map(|(_, callee)| callee.clone());
    if let Some(callee) = callee
        && open.realm.revoke_registration(&registration, &callee, reason, false)
    {
        return Ok(None);
    }
    let text = format!("the session {} does not hold the registration {}", session.id, registration.id);
    fails(reply::NO_SUCH_REGISTRATION, text)
}
