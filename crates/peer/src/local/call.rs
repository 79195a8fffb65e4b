//! A call that a local session is to answer.

use tokio::sync::mpsc::UnboundedSender;
use transom_wamp::{Dict, ErrorMessage, Invocation, Message, Passthru, Payload, Text, Value, Yield, code};

use super::driver::Urgent;

/// A call for a procedure of a local session. Dropped without an answer, it is answered with
/// `wamp.error.runtime_error`.
#[derive(Debug)]
pub struct IncomingCall {
    invocation: Invocation,
    /// Until it is answered.
    answers: Option<UnboundedSender<Urgent>>,
}

impl IncomingCall {
    pub(super) fn new(invocation: Invocation, answers: UnboundedSender<Urgent>) -> Self {
        IncomingCall { invocation, answers: Some(answers) }
    }

    /// The call: its payload, and its caller where that is disclosed.
    pub fn invocation(&self) -> &Invocation {
        &self.invocation
    }

    /// Answers with a result.
    pub fn result(mut self, payload: Payload) {
        let (request, passthru) = (self.invocation.request, Passthru::default());
        self.answer(Message::Yield(Yield { request, progress: false, passthru, payload }));
    }

    /// Answers with an error.
    pub fn error(mut self, error: impl Into<Text>, payload: Payload) {
        self.fail(error.into(), payload);
    }

    fn fail(&mut self, error: Text, payload: Payload) {
        let (request_type, request) = (code::INVOCATION, self.invocation.request);
        let passthru = Passthru::default();
        self.answer(Message::Error(ErrorMessage { request_type, request, passthru, error, payload }));
    }

    fn answer(&mut self, message: Message) {
        if let Some(answers) = self.answers.take() {
            // The session may have ended; then the caller has been told.
            let _ = answers.send(Urgent::Answer(Box::new(message)));
        }
    }
}

impl Drop for IncomingCall {
    fn drop(&mut self) {
        if self.answers.is_some() {
            let text = Value::Text(Text::from_static("the procedure ended without an answer"));
            let payload = Payload::from_values(self.invocation.payload.serializer, &[text], &Dict::default());
            self.fail(Text::from_static("wamp.error.runtime_error"), payload);
        }
    }
}
