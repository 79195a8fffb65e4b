//! The envelope, from bytes to [`Message`]: type, IDs, options and URIs are read, the payload is checked and left
//! where it is. One walk over the frame, whatever its format.

mod envelope;
mod options;

use std::ops::Range;

use bytes::{Buf, Bytes};

use super::ubjson::{self, BJDATA, DRAFT12};
use super::{Reader, Result, cbor, json, msgpack};
use crate::message::*;
use crate::{DecodeError, Serializer};
use envelope::Envelope;

/// Reads one message. Its payload takes the frame along, so that no reference to it is counted.
#[inline]
pub(crate) fn decode(serializer: Serializer, mut frame: Bytes) -> Decoded {
    let mut cut = 0..0;
    let mut decoded = match serializer {
        Serializer::Json => read::<json::Reader<'_>>(&frame, serializer, &mut cut),
        Serializer::MsgPack => read::<msgpack::Reader<'_>>(&frame, serializer, &mut cut),
        Serializer::Cbor => read::<cbor::Reader<'_>>(&frame, serializer, &mut cut),
        Serializer::Ubjson => read::<ubjson::Reader<'_, DRAFT12>>(&frame, serializer, &mut cut),
        Serializer::BjData => read::<ubjson::Reader<'_, BJDATA>>(&frame, serializer, &mut cut),
    };
    if !cut.is_empty()
        && let Ok(message) = &mut decoded
        && let Some(payload) = message.payload_mut()
    {
        frame.truncate(cut.end);
        frame.advance(cut.start);
        payload.bytes = frame;
    }
    decoded
}

#[inline]
fn read<'a, R: Reader<'a>>(frame: &'a Bytes, serializer: Serializer, cut: &'a mut Range<usize>) -> Decoded {
    message(Envelope::<R>::open(frame, serializer, cut)?)
}

/// Messages are large: each is made where the caller wants it, after the last check that can fail.
type Decoded = std::result::Result<Message, DecodeError>;

fn message<'a, R: Reader<'a>>(mut e: Envelope<'a, R>) -> Decoded {
    let code = e.code()?;
    match u16::try_from(code).unwrap_or_default() {
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
        _ => Err(DecodeError::UnknownType(code)),
    }
}

type E<'e, 'a, R> = &'e mut Envelope<'a, R>;

fn hello<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Decoded {
    let (realm, details) = (e.text_or_null("Realm")?, options::hello(e)?);
    e.finish()?;
    Ok(Message::Hello(Box::new(Hello { realm, details })))
}

fn welcome<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Decoded {
    let (session, details) = (e.id("Session")?, e.dict("Details")?);
    e.finish()?;
    Ok(Message::Welcome(Welcome { session, details }))
}

fn abort<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Decoded {
    let (message, reason) = (options::farewell(e)?, e.text("Reason")?);
    e.payload()?;
    Ok(Message::Abort(Abort { message, reason }))
}

fn challenge<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Decoded {
    let (method, extra) = (e.text("AuthMethod")?, e.dict("Extra")?);
    e.finish()?;
    Ok(Message::Challenge(Challenge { method, extra }))
}

fn authenticate<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Decoded {
    let (signature, extra) = (e.text("Signature")?, e.dict("Extra")?);
    e.finish()?;
    Ok(Message::Authenticate(Authenticate { signature, extra }))
}

fn goodbye<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Decoded {
    let (message, reason) = (options::farewell(e)?, e.text("Reason")?);
    e.finish()?;
    Ok(Message::Goodbye(Goodbye { message, reason }))
}

fn error<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Decoded {
    let (request_type, request) = (e.request_type()?, e.id("REQUEST.Request")?);
    let (passthru, error) = (options::error(e)?, e.text("Error")?);
    let payload = e.payload()?;
    Ok(Message::Error(ErrorMessage { request_type, request, passthru, error, payload }))
}

fn publish<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Decoded {
    let (request, options, topic) = (e.id("Request")?, options::publish(e)?, e.text("Topic")?);
    let payload = e.payload()?;
    Ok(Message::Publish(Publish { request, options, topic, payload }))
}

fn published<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Decoded {
    let (request, publication) = (e.id("PUBLISH.Request")?, e.id("Publication")?);
    e.finish()?;
    Ok(Message::Published(Published { request, publication }))
}

fn subscribe<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Decoded {
    let (request, options, topic) = (e.id("Request")?, options::subscribe(e)?, e.text("Topic")?);
    let (matching, get_retained) = options;
    e.finish()?;
    Ok(Message::Subscribe(Subscribe { request, matching, get_retained, topic }))
}

fn subscribed<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Decoded {
    let (request, subscription) = (e.id("SUBSCRIBE.Request")?, e.id("Subscription")?);
    e.finish()?;
    Ok(Message::Subscribed(Subscribed { request, subscription }))
}

fn unsubscribe<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Decoded {
    let (request, subscription) = (e.id("Request")?, e.id("Subscription")?);
    if e.more()? {
        options::ignored(e)?;
    }
    e.finish()?;
    Ok(Message::Unsubscribe(Unsubscribe { request, subscription }))
}

fn unsubscribed<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Decoded {
    let request = e.id("UNSUBSCRIBE.Request")?;
    let revocation = revocation(e, request, "subscription")?;
    e.finish()?;
    Ok(match revocation {
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

fn event<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Decoded {
    let (subscription, publication) = (e.id("Subscription")?, e.id("Publication")?);
    let (details, payload) = (options::event(e)?, e.payload()?);
    Ok(Message::Event(Event { subscription, publication, details, payload }))
}

fn call<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Decoded {
    let (request, options, procedure) = (e.id("Request")?, options::call(e)?, e.text("Procedure")?);
    let payload = e.payload()?;
    Ok(Message::Call(Call { request, options, procedure, payload }))
}

fn cancel<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Decoded {
    let (request, mode) = (e.id("CALL.Request")?, options::cancel(e)?);
    e.finish()?;
    Ok(Message::Cancel(Cancel { request, mode }))
}

fn result<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Decoded {
    let request = e.id("CALL.Request")?;
    let ((progress, passthru), payload) = (options::result(e)?, e.payload()?);
    Ok(Message::Result(ResultMessage { request, progress, passthru, payload }))
}

fn register<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Decoded {
    let (request, options, procedure) = (e.id("Request")?, options::register(e)?, e.text("Procedure")?);
    e.finish()?;
    Ok(Message::Register(Register { request, options, procedure }))
}

fn registered<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Decoded {
    let (request, registration) = (e.id("REGISTER.Request")?, e.id("Registration")?);
    e.finish()?;
    Ok(Message::Registered(Registered { request, registration }))
}

fn unregister<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Decoded {
    let (request, registration) = (e.id("Request")?, e.id("Registration")?);
    if e.more()? {
        options::ignored(e)?;
    }
    e.finish()?;
    Ok(Message::Unregister(Unregister { request, registration }))
}

fn unregistered<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Decoded {
    let request = e.id("UNREGISTER.Request")?;
    let revocation = revocation(e, request, "registration")?;
    e.finish()?;
    Ok(match revocation {
        Some(revocation) => Message::RegistrationRevoked(revocation),
        None => Message::Unregistered(Unregistered { request }),
    })
}

fn invocation<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Decoded {
    let (request, registration) = (e.id("Request")?, e.id("Registration")?);
    let (details, payload) = (options::invocation(e)?, e.payload()?);
    Ok(Message::Invocation(Invocation { request, registration, details, payload }))
}

fn interrupt<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Decoded {
    let request = e.id("INVOCATION.Request")?;
    let (mode, reason) = options::interrupt(e)?;
    e.finish()?;
    Ok(Message::Interrupt(Interrupt { request, mode, reason }))
}

fn yielded<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Decoded {
    let request = e.id("INVOCATION.Request")?;
    let ((progress, passthru), payload) = (options::result(e)?, e.payload()?);
    Ok(Message::Yield(Yield { request, progress, passthru, payload }))
}

fn event_received<'a, R: Reader<'a>>(e: E<'_, 'a, R>) -> Decoded {
    let publication = e.id("Publication")?;
    e.finish()?;
    Ok(Message::EventReceived(publication))
}
