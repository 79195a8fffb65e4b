//! The call of an authenticator. A session of the router's own makes it, for this call alone: it is on no list, waits
//! for nobody, and its end ends the call.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use transom_auth::{Call as Wish, CallError};
use transom_base::wake;
use transom_wamp::{
    Call, CallOptions, CloseReason, Dict, Flow, Id, Message, Offered, Outgoing, Payload, Serializer,
    SessionSink, Text, Value, decode,
};

use super::joining::Reserved;
use super::open::Open;
use crate::announced::Announced;
use crate::router::Router;
use crate::session::{Facts, Session};
use crate::sync::Mutex;

/// The longest answer in bytes.
const LONGEST: usize = 256 * 1024;

/// A call that is not answered yet. Dropped, it is canceled.
pub(super) struct Asking {
    open: Open,
    answer: Arc<Answer>,
    /// Given back after the session has ended.
    _id: Reserved,
}

impl Asking {
    pub(super) fn start(router: &Arc<Router>, wish: Wish) -> Result<Self, CallError> {
        let realm = router.realm(&wish.realm).ok_or(CallError::NoSuchRealm)?;
        let role = realm.role(&wish.role).ok_or(CallError::NoSuchRole)?;
        let id = Reserved::new(router).ok_or(CallError::Unreadable)?;
        let answer = Arc::new(Answer::default());
        let authid = Text::from_static("transom");
        let facts = Facts::internal(SERIALIZER);
        let session = Session::new(id.id(), authid, role, Announced::default(), facts, answer.clone());
        let mut open = Open::new(realm, Arc::new(session), None);
        let call = Message::Call(Call {
            request: Id::default().next(),
            options: CallOptions::default(),
            procedure: wish.procedure,
            payload: Payload::from_values(SERIALIZER, &wish.args, &Dict::default()),
        });
        match open.receive(call) {
            Ok(Flow::Continue | Flow::Pause) => Ok(Asking { open, answer, _id: id }),
            Ok(Flow::Close(_)) | Err(_) => Err(CallError::Unreadable),
        }
    }

    /// The positional results, or why there are none.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Vec<Value>, CallError>> {
        if let Poll::Ready(Flow::Close(_)) = self.open.poll_ready(cx) {
            return Poll::Ready(Err(CallError::Unreadable));
        }
        self.answer.poll(cx).map(|bytes| read(&bytes))
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.open.give_up();
    }
}

const SERIALIZER: Serializer = Serializer::MsgPack;

fn read(bytes: &Bytes) -> Result<Vec<Value>, CallError> {
    match decode(SERIALIZER, bytes) {
        Ok(Message::Result(result)) => match result.payload.to_values() {
            Ok((args, _)) => Ok(args),
            Err(_) => Err(CallError::Unreadable),
        },
        Ok(Message::Error(error)) => {
            let message = match error.payload.to_values().map(|(args, _)| args.into_iter().next()) {
                Ok(Some(Value::Text(text))) => Some(text),
                _ => None,
            };
            Err(CallError::Failed { uri: error.error, message })
        }
        _ => Err(CallError::Unreadable),
    }
}

/// Where the answer comes to.
#[derive(Default)]
struct Answer(Mutex<State>);

#[derive(Default)]
struct State {
    message: Option<Bytes>,
    waiting: Option<Waker>,
}

impl Answer {
    fn poll(&self, cx: &mut Context<'_>) -> Poll<Bytes> {
        let mut state = self.0.lock();
        match state.message.take() {
            Some(message) => Poll::Ready(message),
            None => {
                state.waiting = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl SessionSink for Answer {
    fn serializer(&self) -> Serializer {
        SERIALIZER
    }

    fn offer(&self, out: Outgoing<'_>) -> Offered {
        if out.message.len() > LONGEST {
            return Offered::TooLarge;
        }
        let message = [out.message.head, out.message.body, out.message.tail].concat().into();
        let waiting = {
            let mut state = self.0.lock();
            state.message = Some(message);
            state.waiting.take()
        };
        waiting.into_iter().for_each(wake::later);
        Offered::Queued
    }

    /// Nothing that would close it leaves the call without an answer for longer than its deadline.
    fn close(&self, _why: CloseReason) {}

    /// Nobody asks it to leave: it is no member of its realm.
    fn nudge(&self) {}

    fn poll_room(&self, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}
