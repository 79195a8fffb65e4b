//! The call of an authenticator. A session of the router's own makes it, for this call alone: it is on no list, waits
//! for nobody, and its end ends the call.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use transom_auth::{Call as Wish, CallError};
use transom_wamp::{Call, CallOptions, Dict, Flow, Id, Message, Payload, Text, Value, decode};

use super::joining::Reserved;
use super::open::Open;
use crate::announced::Announced;
use crate::inbox::{Inbox, SERIALIZER};
use crate::router::Router;
use crate::session::{Facts, Session};

/// A call that is not answered yet. Dropped, it is canceled.
pub(super) struct Asking {
    open: Open,
    answer: Arc<Inbox>,
    /// Given back after the session has ended.
    _id: Reserved,
}

impl Asking {
    pub(super) fn start(router: &Arc<Router>, wish: Wish) -> Result<Self, CallError> {
        let realm = router.realm(&wish.realm).ok_or(CallError::NoSuchRealm)?;
        let role = realm.role(&wish.role).ok_or(CallError::NoSuchRole)?;
        let id = Reserved::new(router).ok_or(CallError::Unreadable)?;
        let answer = Arc::new(Inbox::default());
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
