#!/usr/bin/env python3
"""Log in to a WAMP router with autobahn-python by every method it has, on asyncio or on Twisted.

usage: logins_python.py URL REALM [loop=asyncio|twisted] [provider=static|dynamic] METHOD=AUTHID:SECRET ...
       logins_python.py URL REALM [loop=asyncio|twisted] serve

METHOD      anonymous, ticket, wampcra, scram, cryptosign (SECRET is the private key as 64 hex digits); may be repeated.
            Each is tried with its secret, with a wrong one, and as somebody whom the router does not know.
serve       registers the authenticators com.example.login.METHOD, which know the accounts in the environment variable
            ACCOUNTS (JSON: {METHOD: {AUTHID: answer}}), prints "ready", and answers until its input ends. What is no
            account gets the error com.example.unknown; the authids "fails", "hangs" and "nonsense" get what they say.
Prints one line per check and 'N passed, N failed' last; exit 1 if any failed.
"""
import asyncio
import json
import os
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from check import Checks  # noqa: E402

if len(sys.argv) < 4 or sys.argv[1] in ("-h", "--help"):
    print(__doc__)
    sys.exit(2)

URL, REALM = sys.argv[1], sys.argv[2]
LOGINS = [a.split("=", 1) for a in sys.argv[3:] if "=" in a]
LOOP = dict(LOGINS).get("loop", "asyncio")
PROVIDER = dict(LOGINS).get("provider", "static")

import txaio  # noqa: E402
if LOOP == "twisted":
    txaio.use_twisted()
    from twisted.internet import defer, reactor as loop
    from autobahn.twisted.component import Component

    def within(seconds, awaitable):
        return defer.ensureDeferred(awaitable).addTimeout(seconds, loop)

    def forever():
        return defer.Deferred()
else:
    txaio.use_asyncio()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    txaio.config.loop = loop
    from autobahn.asyncio.component import Component

    def within(seconds, awaitable):
        return asyncio.wait_for(awaitable, seconds)

    def forever():
        return loop.create_future()
from autobahn.wamp.exception import ApplicationError  # noqa: E402

C = Checks("autobahn-python/%s/%s logins" % (LOOP, PROVIDER), 3600 if "serve" in sys.argv else 140)


async def join(auth):
    """Return (session, details, close)."""
    kind = {"type": "rawsocket", "serializer": "cbor"} if URL.startswith("rs") else {"type": "websocket"}
    comp = Component(transports=[dict(kind, url=URL, max_retries=0)], realm=REALM, authentication=auth)
    joined, left, reasons = txaio.create_future(), txaio.create_future(), []

    @comp.on_join
    def _joined(session, details):
        if not txaio.is_called(joined):
            txaio.resolve(joined, (session, details))

    @comp.on_leave
    def _left(session, details):
        reasons.append("%s: %s" % (details.reason, details.message))
        if not txaio.is_called(left):
            txaio.resolve(left, details.reason)

    def gone(x):
        if not txaio.is_called(joined):
            txaio.reject(joined, RuntimeError("no session: %s %s" % (getattr(x, "value", x), reasons)))
    txaio.add_callbacks(comp.start(loop), gone, gone)
    session, details = await within(15, joined)

    async def close():
        session.leave()
        await within(5, left)
    return session, details, close


def settings(method, authid, secret):
    if method == "anonymous":
        return {"anonymous": {}}
    key = {"ticket": "ticket", "wampcra": "secret", "scram": "password", "cryptosign": "privkey"}[method]
    return {method: {"authid": authid, key: secret}}


async def logs_in(method, authid, secret):
    what = "%s as %s" % (method, authid)
    try:
        session, details, close = await join(settings(method, authid, secret))
        good = (details.authmethod == method and details.authprovider == PROVIDER
                and (method == "anonymous" or details.authid == authid))
        C.check(what, good, repr(details))
        await close()
    except Exception as e:
        C.fail(what, e)


async def is_refused(what, method, authid, secret, *reasons):
    try:
        _, _, close = await join(settings(method, authid, secret))
        C.check(what, False, "joined")
        await close()
    except Exception as e:
        C.check(what, any(reason in str(e) for reason in reasons), str(e))


async def main():
    for method, account in LOGINS:
        if method in ("loop", "provider"):
            continue
        authid, secret = account.split(":", 1)
        await logs_in(method, authid, secret)
        if method == "anonymous":
            continue
        wrong = "11" * 32 if method == "cryptosign" else "wrong"
        denied = ("wamp.error.not_authorized", "com.example.unknown")
        await is_refused("%s as %s with a wrong secret" % (method, authid), method, authid, wrong, *denied)
        await is_refused("%s as nobody" % method, method, "nobody", secret, *denied)
        if PROVIDER == "dynamic":
            failed = "wamp.error.authentication_failed"
            for authid in ("fails", "hangs", "nonsense"):
                await is_refused("%s by an authenticator that %s" % (method, authid), method, authid, secret, failed)


async def serve():
    accounts = json.loads(os.environ["ACCOUNTS"])
    session, _, _ = await join({"anonymous": {}})

    def authenticator(method):
        async def authenticate(realm, authid, details):
            if authid == "fails":
                raise KeyError(authid)
            if authid == "hangs":
                await forever()
            if authid == "nonsense":
                return [method]
            known = accounts.get(method, {})
            answer = known.get(authid, known.get("*"))
            if answer is None:
                raise ApplicationError("com.example.unknown", "no such account")
            answer = dict(answer)
            if answer.pop("ticket", None) != details.get("ticket"):
                raise ApplicationError("com.example.unknown", "no such account")
            return answer
        return authenticate
    for method in ("anonymous", "ticket", "wampcra", "scram", "cryptosign", "tls"):
        await session.register(authenticator(method), "com.example.login." + method)
    print("ready", flush=True)


def until_input_ends():
    sys.stdin.read()
    os._exit(0)


async def run():
    try:
        if "serve" in sys.argv:
            threading.Thread(target=until_input_ends, daemon=True).start()
            await serve()
            await forever()
        await main()
    except Exception as e:
        C.fail("run", e)
    C.finish()

if LOOP == "twisted":
    loop.callWhenRunning(lambda: defer.ensureDeferred(run()))
    loop.run()
else:
    loop.run_until_complete(run())
