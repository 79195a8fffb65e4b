"""The library websockets against an echo server: see ws_peer.sh."""
import asyncio
import os
import random
import ssl
import sys

from websockets.asyncio.client import connect
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

URL = sys.argv[1]
passed = failed = 0


def check(what, good, detail=""):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
    print("ok  " if good else "FAIL", what, "" if good else detail)


def messages(rng):
    """Texts and octets of many lengths, some that compress well and some that do not."""
    for length in (0, 1, 125, 126, 127, 1000, 65535, 65536, 300_000):
        yield "".join(rng.choice("abcdefghij ") for _ in range(length))
        yield "h\u00e4\u20ac\U0001f600" * (length // 4)
        yield rng.randbytes(length)
        yield b"ab" * (length // 2)


def pieces(message, rng):
    at = 0
    while True:
        step = rng.choice((0, 1, 7, 100, 5000, 70_000))
        yield message[at:at + step]
        at += step
        if at >= len(message):
            return


FACTORIES = {
    "no compression": None,
    "deflate": ClientPerMessageDeflateFactory(client_max_window_bits=True),
    "deflate without context": ClientPerMessageDeflateFactory(
        server_no_context_takeover=True, client_no_context_takeover=True),
    "deflate with small windows": ClientPerMessageDeflateFactory(
        server_max_window_bits=9, client_max_window_bits=9),
}


async def echo(name, factory, fragmented):
    rng = random.Random(name + str(fragmented))
    context = None
    if URL.startswith("wss:"):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    extensions = [factory] if factory else None
    async with connect(URL, compression=None, extensions=extensions, ssl=context, max_size=None) as peer:
        agreed = peer.response.headers.get("Sec-WebSocket-Extensions")
        check(f"{name}: agreed", bool(agreed) == bool(factory), agreed)
        wrong = 0
        for message in messages(rng):
            await peer.send(pieces(message, rng) if fragmented else message)
            wrong += await peer.recv() != message
        check(f"{name}{', fragmented' * fragmented}: every message came back", not wrong, wrong)
        sent = [rng.randbytes(rng.randrange(2000)) for _ in range(1000)]

        async def say():
            for message in sent:
                await peer.send(message)
        saying = asyncio.ensure_future(say())
        heard = [await peer.recv() for _ in sent]
        await saying
        check(f"{name}{', fragmented' * fragmented}: a thousand in order", heard == sent)
        await (await peer.ping(os.urandom(20)))
    check(f"{name}{', fragmented' * fragmented}: closed in order", peer.close_code == 1000, peer.close_code)


async def main():
    for name, factory in FACTORIES.items():
        for fragmented in (False, True):
            try:
                await asyncio.wait_for(echo(name, factory, fragmented), 120)
            except Exception as error:  # the last line is the count whatever happens
                check(f"{name}{', fragmented' * fragmented}", False, repr(error))

asyncio.run(main())
print("%d passed, %d failed" % (passed, failed))
sys.exit(1 if failed or not passed else 0)
