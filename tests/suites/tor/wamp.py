"""Autobahn|Python over a connection that is there already, such as one through a SOCKS port."""
import asyncio

import txaio

txaio.use_asyncio()
from autobahn.asyncio.rawsocket import WampRawSocketClientFactory  # noqa: E402
from autobahn.asyncio.wamp import ApplicationSession  # noqa: E402
from autobahn.asyncio.websocket import WampWebSocketClientFactory  # noqa: E402
from autobahn.wamp.serializer import CBORSerializer  # noqa: E402
from autobahn.wamp.types import ComponentConfig, PublishOptions  # noqa: E402

from rig import PATIENCE, REALM  # noqa: E402

TO_ALL = PublishOptions(acknowledge=True, exclude_me=False)


class Session(ApplicationSession):
    """Tells when it has joined, and why it has not."""

    def __init__(self, config):
        super().__init__(config)
        self.joined = asyncio.get_running_loop().create_future()

    def onJoin(self, details):
        if not self.joined.done():
            self.joined.set_result(details)

    def onLeave(self, details):
        self.onDisconnect(details)
        super().onLeave(details)

    def onDisconnect(self, why=None):
        if not self.joined.done():
            self.joined.set_exception(OSError("no session: %s" % why))


async def join(connection, kind, host="localhost"):
    """A session over `connection`, which is a socket, by "websocket" or "rawsocket"."""
    loop = asyncio.get_running_loop()
    txaio.config.loop = loop
    made = []

    def session():
        made.append(Session(ComponentConfig(REALM)))
        return made[-1]
    if kind == "websocket":
        factory = WampWebSocketClientFactory(session, url="ws://%s/ws" % host, serializers=[CBORSerializer()], loop=loop)
        factory.setProtocolOptions(openHandshakeTimeout=PATIENCE)
    else:
        factory = WampRawSocketClientFactory(session, serializer=CBORSerializer())
        factory.loop = loop
    connection.setblocking(False)
    transport, _ = await loop.create_connection(factory, sock=connection)

    async def there():
        while not made:
            if transport.is_closing():
                raise OSError("the connection ended")
            await asyncio.sleep(0.01)
        await made[0].joined
    await asyncio.wait_for(there(), PATIENCE)
    return made[0]


async def leave(session):
    session.leave()
    if session._transport is not None:
        await asyncio.wait_for(session._transport.is_closed, 10)
