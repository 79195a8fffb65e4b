//! The envelope, from bytes to [`Message`]: type, IDs, options and URIs are read, the payload is checked and left
//! where it is. One walk over the frame, whatever its format.

mod envelope;
mod options;

use bytes::Bytes;

use super::{Reader, Result, cbor, json, msgpack};
use crate::message::*;
use crate::{DecodeError, Serializer};
use envelope::Envelope;

/// Reads one message.
pub(crate) fn decode(serializer: Serializer, frame: &Bytes) -> Result<Message> {
    match serializer {
        Serializer::Json => message(Envelope::<json::Reader<'_>>::open(frame, serializer)?),
        Serializer::MsgPack => message(Envelope::<msgpack::Reader<'_>>::open(frame, serializer)?),
        Serializer::Cbor => message(Envelope::<cbor::Reader<'_>>::open(frame, serializer)?),
    }
}

fn message<'a, R: Reader<'a>>(mut e: Envelope<'a, R>) -> Result<Message> {
    let code = e.code()?;
    let message = match u16::try_from(code).unwrap_or_default() {
        code::HELLO => hello(e.named("HELLO")),
        code::WELCOME => welcome(e.named("WELCOME")),
        code::ABORT => abort(e.named("ABORT")),
        code::CHALLENGE => challenge(e.named("CHALLENGE")),
        code::AUTHENTICATE => authenticate(e.named("AUTHENTICATE")),
        code::GOODBYE => goodbye(e.named("GOODBYE")),
        code::ERROR => error(e.named("ERROR")),
        code::PUBLISH => publish(e.named("PUBLISH")),
        code::PUBLISHED => published(e.named("PUBLISHED")),
        code::SUBSCRIBE => subscribe(e.named("SUBSCRIBE")),
        code::SUBSCRIBED => subscribed(e.named("SUBSCRIBED")),
        code::UNSUBSCRIBE => unsubscribe(e.named("UNSUBSCRIBE")),
        code::UNSUBSCRIBED => unsubscribed(e.named("UNSUBSCRIBED")),
        code::EVENT => event(e.named("EVENT")),
        code::CALL => call(e.named("CALL")),
        code::CANCEL => cancel(e.named("CANCEL")),
        code::RESULT => result(e.named("RESULT")),
        code::REGISTER => register(e.named("REGISTER")),
        code::REGISTERED => registered(e.named("REGISTERED")),
        code::UNREGISTER => unregister(e.named("UNREGISTER")),
        code::UNREGISTERED => unregistered(e.named("UNREGISTERED")),
        code::INVOCATION => invocation(e.named("INVOCATION")),
        code::INTERRUPT => interrupt(e.named("INTERRUPT")),
        code::YIELD => yielded(e.named("YIELD")),
        code::EVENT_RECEIVED => event_received(e.named("EVENT_RECEIVED")),
        _ => return Err(DecodeError::UnknownType(code)),
    }?;
    e.finish()?;
    Ok(message)
}

type E<'e, 'a, R> = &'e mut Envelope<'a, R>;

fn hello<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Result<Message> {
    let realm = e.text_or_null("Realm")?;
    let details = options::hello(e)?;
    Ok(Message::Hello(Hello { realm, details }))
}

fn welcome<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Result<Message> {
    Ok(Message::Welcome(Welcome { session: e.id("Session")?, details: e.dict("Details")? }))
}

fn abort<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Result<Message> {
    let (message, reason) = (options::farewell(e)?, e.text("Reason")?);
    e.payload()?;
    Ok(Message::Abort(Abort { message, reason }))
}

fn challenge<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Result<Message> {
    Ok(Message::Challenge(Challenge { method: e.text("AuthMethod")?, extra: e.dict("Extra")? }))
}

fn authenticate<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Result<Message> {
    Ok(Message::Authenticate(Authenticate { signature: e.text("Signature")?, extra: e.dict("Extra")? }))
}

fn goodbye<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Result<Message> {
    Ok(Message::Goodbye(Goodbye { message: options::farewell(e)?, reason: e.text("Reason")? }))
}

fn error<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Result<Message> {
    let request_type = e.request_type()?;
    let request = e.id("REQUEST.Request")?;
    let passthru = options::error(e)?;
    let error = e.text("Error")?;
    Ok(Message::Error(ErrorMessage { request_type, request, passthru, error, payload: e.payload()? }))
}

fn publish<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Result<Message> {
    let request = e.id("Request")?;
    let options = options::publish(e)?;
    let topic = e.text("Topic")?;
    Ok(Message::Publish(Publish { request, options, topic, payload: e.payload()? }))
}

fn published<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Result<Message> {
    let (request, publication) = (e.id("PUBLISH.Request")?, e.id("Publication")?);
    Ok(Message::Published(Published { request, publication }))
}

fn subscribe<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Result<Message> {
    let request = e.id("Request")?;
    let (matching, get_retained) = options::subscribe(e)?;
    Ok(Message::Subscribe(Subscribe { request, matching, get_retained, topic: e.text("Topic")? }))
}

fn subscribed<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Result<Message> {
    let (request, subscription) = (e.id("SUBSCRIBE.Request")?, e.id("Subscription")?);
    Ok(Message::Subscribed(Subscribed { request, subscription }))
}

fn unsubscribe<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Result<Message> {
    let (request, subscription) = (e.id("Request")?, e.id("Subscription")?);
    if e.more()? {
        options::ignored(e)?;
    }
    Ok(Message::Unsubscribe(Unsubscribe { request, subscription }))
}

fn unsubscribed<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Result<Message> {
    let request = e.id("UNSUBSCRIBE.Request")?;
    Ok(match revocation(e, request, "subscription")? {
        Some(revocation) => Message::SubscriptionRevoked(revocation),
        None => Message::Unsubscribed(Unsubscribed { request }),
    })
}

/// The details that UNSUBSCRIBED and UNREGISTERED have when nobody asked for them.
fn revocation<'a, R: Reader<'a>>(
    e: E<'_, 'a, R>,
    request: crate::Id,
    of: &'static str,
) -> Result<Option<Revocation>> {
    if !e.more()? {
        return Ok(None);
    }
    if request.get() == 0 {
        return options::revocation(e, of).map(Some);
    }
    options::ignored(e)?;
    Ok(None)
}

fn event<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Result<Message> {
    let (subscription, publication) = (e.id("Subscription")?, e.id("Publication")?);
    let details = options::event(e)?;
    Ok(Message::Event(Event { subscription, publication, details, payload: e.payload()? }))
}

fn call<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Result<Message> {
    let request = e.id("Request")?;
    let options = options::call(e)?;
    let procedure = e.text("Procedure")?;
    Ok(Message::Call(Call { request, options, procedure, payload: e.payload()? }))
}

fn cancel<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Result<Message> {
    Ok(Message::Cancel(Cancel { request: e.id("CALL.Request")?, mode: options::cancel(e)? }))
}

fn result<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Result<Message> {
    let request = e.id("CALL.Request")?;
    let (progress, passthru) = options::result(e)?;
    Ok(Message::Result(ResultMessage { request, progress, passthru, payload: e.payload()? }))
}

fn register<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Result<Message> {
    let request = e.id("Request")?;
    let options = options::register(e)?;
    Ok(Message::Register(Register { request, options, procedure: e.text("Procedure")? }))
}

fn registered<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Result<Message> {
    let (request, registration) = (e.id("REGISTER.Request")?, e.id("Registration")?);
    Ok(Message::Registered(Registered { request, registration }))
}

fn unregister<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Result<Message> {
    let (request, registration) = (e.id("Request")?, e.id("Registration")?);
    if e.more()? {
        options::ignored(e)?;
    }
    Ok(Message::Unregister(Unregister { request, registration }))
}

fn unregistered<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Result<Message> {
    let request = e.id("UNREGISTER.Request")?;
    Ok(match revocation(e, request, "registration")? {
        Some(revocation) => Message::RegistrationRevoked(revocation),
        None => Message::Unregistered(Unregistered { request }),
    })
}

fn invocation<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Result<Message> {
    let (request, registration) = (e.id("Request")?, e.id("Registration")?);
    let details = options::invocation(e)?;
    Ok(Message::Invocation(Invocation { request, registration, details, payload: e.payload()? }))
}

fn interrupt<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Result<Message> {
    let request = e.id("INVOCATION.Request")?;
    let (mode, reason) = options::interrupt(e)?;
    Ok(Message::Interrupt(Interrupt { request, mode, reason }))
}

fn yielded<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Result<Message> {
    let request = e.id("INVOCATION.Request")?;
    let (progress, passthru) = options::result(e)?;
    Ok(Message::Yield(Yield { request, progress, passthru, payload: e.payload()? }))
}

fn event_received<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Result<Message> {
    Ok(Message::EventReceived(e.id("Publication")?))
}
