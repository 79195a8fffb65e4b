"""Onion services of a node: by a running Tor and by the one inside, before Autobahn|Python."""
import asyncio
import os
import shutil
import time

import onion
import wamp
from rig import EMBEDDED, Node, median, say, testnet, universal, until

# How a service is published.
WAYS = ["unix", "tcp", "embedded"] if EMBEDDED else ["unix", "tcp"]
# One by a running Tor and one by that inside.
BOTH = [way for way in WAYS if way != "tcp"]


def onion_endpoint(net, way, key="onion.key", **more):
    """A listening endpoint; the running Tor is asked over its Unix socket or over TCP."""
    how = {"embedded": True} if way == "embedded" else {"tor_control_endpoint": net.control_endpoint(way)}
    return {"type": "onion", "port": 80, "private_key_file": key, **how, **more}


def inside(net, settings=None):
    """What the Tor inside a node needs to find the private network."""
    return {"tor": {"state_dir": "tor", "settings": settings or net.env["arti_toml"]}}


class Service:
    """An onion service of a node."""

    def __init__(self, node, way, key="onion.key"):
        self.node, self.way, self.key = node, way, node.path(key)

    @property
    def host(self):
        return onion.address(self.key)


def controlled_node(g, name="controlled"):
    return Node(g.transom, name, [universal(onion_endpoint(g.net, way, way + ".key")) for way in ("unix", "tcp")])


def embedded_node(g, name="embedded"):
    return Node(g.transom, name, [universal(onion_endpoint(g.net, "embedded"))], inside(g.net))


async def started(g):
    """The two nodes of most checks, and their services by way. They start at once."""
    controlled = controlled_node(g)
    nodes = [controlled]
    g.services = {way: Service(controlled, way, way + ".key") for way in ("unix", "tcp")}
    if EMBEDDED:
        nodes.append(embedded_node(g))
        g.services["embedded"] = Service(nodes[1], "embedded")
    await asyncio.gather(*(node.start() for node in nodes))

    async def reach(way):
        service = g.services[way]
        with await found(g, service.host):
            say("%s: %.1f s from the start of the node to the first connection" % (way, time.monotonic() - service.node.began))
    await asyncio.gather(*(reach(way) for way in WAYS))
    for node in nodes:
        say("%s: %.0f MiB resident, after a connection" % (node.name, node.memory()))


async def found(g, host, port=80, key=None):
    """A connection to a service that may be young: who asks too early is told to ask again later, by its own Tor."""
    async def attempt():
        if key:
            # Each time: Tor may have dropped it with the rest that was to be forgotten.
            with g.net.control() as control:
                control.command("ONION_CLIENT_AUTH_ADD %s %s" % (host.removesuffix(".onion"), key))
        try:
            return await asyncio.to_thread(testnet.socks5, g.net.socks_port, host, port, 30.0)
        except OSError:
            g.net.forget()
            await asyncio.sleep(0.4)
            raise
    return await until("reaching %s" % host[:8], attempt)


async def by_autobahn(g, label, host):
    """Join, call and event over each protocol."""
    for kind in ("websocket", "rawsocket"):
        with g.part("%s: Autobahn over SOCKS, %s" % (label, kind)):
            session = await wamp.join(await found(g, host), kind, host)
            g.check("%s: joined over %s" % (label, kind), True)
            procedure, heard = "com.example.%s.%s" % (kind, os.urandom(4).hex()), asyncio.Queue()
            await session.register(lambda number: number + 1, procedure)
            times = []
            for number in range(20):
                began = time.monotonic()
                answer = await asyncio.wait_for(session.call(procedure, number), 30)
                times.append(time.monotonic() - began)
            g.check("%s: called over %s" % (label, kind), answer == 20, answer)
            await session.subscribe(heard.put_nowait, procedure)
            await session.publish(procedure, "news", options=wamp.TO_ALL)
            g.check("%s: event over %s" % (label, kind), await asyncio.wait_for(heard.get(), 30) == "news")
            await wamp.leave(session)
            # Both the caller and the callee are on the other side of the network: two round trips.
            say("%s: %s, a call there and back %.0f ms (median of %d)" % (label, kind, 500 * median(times), len(times)))


async def run(g):
    """Reached in all ways, and shown in both."""
    for way in WAYS:
        await by_autobahn(g, way, g.services[way].host)
    for way in WAYS:
        with g.part("%s: status" % way):
            await shown(g, way)


async def shown(g, way):
    service = g.services[way]
    host = service.host
    status = await service.node.status()
    mine = [t for t in status["transports"] if any(host in bound for bound in t["bound"])]
    g.check("%s: status has the address" % way, len(mine) == 1, status["transports"])
    urls = mine[0]["urls"]
    g.check("%s: status has URLs" % way, any(u.startswith("ws://" + host) for u in urls), urls)
    g.check("%s: status tells how far it is" % way, mine[0].get("state"), mine[0])
    say("%s: state \"%s\"" % (way, mine[0].get("state")))
    text = await service.node.status_text()
    g.check("%s: status for people has address and state" % way,
            host in text and (mine[0].get("state") or "?") in text, text)
    page = await get(service.node.local(), "localhost")
    g.check("%s: status page has the URLs" % way, "ws://" + host in page, page[:300])
    g.check("%s: status page tells how far it is" % way, mine[0].get("state", "?") in page, page[:300])
    page = await get(await found(g, host), host)
    g.check("%s: status page through Tor" % way, page.startswith("HTTP/1.1 200") and host in page, page[:300])


async def get(connection, host):
    """A page, with its head."""
    def fetch():
        with connection:
            connection.settimeout(30)
            connection.sendall(b"GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % host.encode())
            parts = []
            while part := connection.recv(65536):
                parts.append(part)
            return b"".join(parts).decode(errors="replace")
    return await asyncio.to_thread(fetch)


async def restarts(g):
    """A restart, and another way with the same key, keep the address."""
    for way in BOTH:
        with g.part("%s: restart" % way):
            service = g.services[way]
            before, key = service.host, open(service.key).read()
            g.check("%s: leaves with exit code 0" % way, await service.node.end() == 0)
            await service.node.start()
            with await found(g, before):
                g.check("%s: same address after a restart" % way, True)
            g.check("%s: same key" % way, open(service.key).read() == key)
    if not EMBEDDED:
        return
    with g.part("one key for both"):
        # Not the other way round: a network this young has no shared random value, and without it Arti counts the
        # revisions of a descriptor from a later moment than tor, so that directories refuse its smaller number.
        service = g.services["embedded"]
        host = service.host
        await service.node.end()
        moved = Node(g.transom, "moved", [universal(onion_endpoint(g.net, "unix"))])
        shutil.copy(service.key, moved.path("onion.key"))
        await moved.start()
        g.check("from embedded to a running Tor: same address in its status", await has(moved, host))
        with await found(g, host):
            g.check("from embedded to a running Tor: reached on the same address", True)
        await moved.end()
        await service.node.start()
    with g.part("one key for both, the other way"):
        other = embedded_node(g, "other")
        shutil.copy(g.services["tcp"].key, other.path("onion.key"))
        await other.start()
        g.check("from a running Tor to embedded: same address in its status", await has(other, g.services["tcp"].host))
        await other.end()


async def has(node, host):
    """Whether a node says that it has this address."""
    async def asked():
        return any(host in bound for t in (await node.status())["transports"] for bound in t["bound"])
    return await until("%s shows an address" % node.name, asked, 10)
