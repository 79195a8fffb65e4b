//! The procedures of the meta API. Source: WAMP specification, "Session Meta API" and those of subscriptions,
//! registrations, testaments and event history; where Crossbar.io has other arguments both are taken.
//!
//! They run on the caller's task and answer at once, in the place of a callee.

mod arguments;
mod history;
mod registrations;
mod sessions;
mod subscriptions;
mod testaments;

use std::task::{Context, Waker};

use transom_wamp::{Call, Dict, Message, Offered, Payload, ResultMessage, SessionError, Text, Value, code};

use super::calling::number_in_use;
use super::open::{Handled, Open, Trouble};
use super::permission::Refused;
use crate::reply;
use crate::uri;
use arguments::Arguments;

/// What a procedure answers: nothing or one value.
type Answer = Result<Option<Value>, Refused>;

type Procedure = fn(&mut Open, &Arguments) -> Answer;

/// The procedure of a URI, without `wamp.`.
fn find(name: &str) -> Option<Procedure> {
    Some(match name {
        "session.count" => sessions::count,
        "session.list" => sessions::list,
        "session.get" => sessions::get,
        "session.kill" => sessions::kill,
        "session.kill_by_authid" => sessions::kill_by_authid,
        "session.kill_by_authrole" => sessions::kill_by_authrole,
        "session.kill_all" => sessions::kill_all,
        "session.add_testament" => testaments::add,
        "session.flush_testaments" => testaments::flush,
        "subscription.list" => subscriptions::list,
        "subscription.lookup" => subscriptions::lookup,
        "subscription.match" => subscriptions::matching,
        "subscription.get" => subscriptions::get,
        "subscription.list_subscribers" => subscriptions::list_subscribers,
        "subscription.count_subscribers" => subscriptions::count_subscribers,
        "subscription.remove_subscriber" => subscriptions::remove_subscriber,
        "subscription.get_events" => history::get_events,
        "registration.list" => registrations::list,
        "registration.lookup" => registrations::lookup,
        "registration.match" => registrations::matching,
        "registration.get" => registrations::get,
        "registration.list_callees" => registrations::list_callees,
        "registration.count_callees" => registrations::count_callees,
        "registration.remove_callee" => registrations::remove_callee,
        _ => return None,
    })
}

fn find_uri(uri: &Text) -> Option<Procedure> {
    find(uri.as_str().strip_prefix(transom_wamp::uri::RESERVED_PREFIX)?)
}

/// The ERROR for a call of a procedure here.
fn fails<T>(uri: &'static str, text: impl Into<Text>) -> Result<T, Refused> {
    Err(Refused::Because(Trouble::new(uri, text)))
}

/// The session is not there, or is nobody's business.
fn no_such_session<T>(id: impl std::fmt::Display) -> Result<T, Refused> {
    fails(reply::NO_SUCH_SESSION, format!("no session {id} on this realm"))
}

impl Open {
    /// Whether the router itself answers a procedure.
    pub(super) fn provides(&self, uri: &Text) -> bool {
        self.realm.meta.is_enabled() && find_uri(uri).is_some()
    }

    /// Whether what stands under a URI is hidden from this session.
    fn hides(&self, uri: &Text) -> bool {
        uri::is_protected(uri) && !self.session.role.trusted
    }

    /// Answers a call of a procedure of the meta API.
    pub(super) fn meta_call(&mut self, call: Call) -> Result<Handled, SessionError> {
        let request = call.request;
        if self.session.has_made(request) {
            return number_in_use(&call);
        }
        if call.options.progress {
            let text = "the procedures of the router take no calls in pieces";
            let trouble = Trouble::new(reply::FEATURE_NOT_SUPPORTED, text);
            return self.refuse_call(call, Refused::Because(trouble));
        }
        // What it does is done once: there has to be room for the answer before.
        if self.session.sink.poll_room(&mut Context::from_waker(Waker::noop())).is_pending() {
            return Ok(Handled::again(Message::Call(call)));
        }
        let Some(procedure) = find_uri(&call.procedure) else { return Ok(Handled::Done) };
        let answer = match Arguments::read(&call.payload) {
            Some(arguments) => procedure(self, &arguments),
            None => fails(reply::INVALID_ARGUMENT, "the arguments cannot be read"),
        };
        let values = match answer {
            Ok(values) => values,
            Err(refused) => return Ok(self.refused(refused, request, Message::Call(call))),
        };
        let values: Vec<Value> = values.into_iter().collect();
        let payload = Payload::from_values(self.session.serializer, &values, &Dict::default());
        let result = ResultMessage { request, progress: false, passthru: None, payload };
        match self.session.offer(&Message::Result(result)) {
            Offered::Queued | Offered::Closed => {}
            Offered::Full => self.session.too_slow(),
            Offered::TooLarge => {
                let text = "the answer is larger than the caller accepts";
                let uri = reply::PAYLOAD_SIZE_EXCEEDED;
                let error = reply::error(self.session.serializer, code::CALL, request, uri, text);
                if self.session.offer(&error) != Offered::Queued {
                    self.session.too_slow();
                }
            }
        }
        // What it caused follows its answer.
        self.realm.meta.publish(&self.realm);
        Ok(Handled::Done)
    }
}
