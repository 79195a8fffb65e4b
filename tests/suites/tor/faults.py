"""Key files that must not be used, and a Tor that is not there."""
import os
import re
import socket
import stat

import onion
import wamp
from rig import EMBEDDED, Node, say, universal, until
from services import BOTH, found, inside, onion_endpoint


async def keys(g):
    """Key files: who may read them, and what is in them."""
    for way in BOTH:
        key = g.services[way].key
        facts = os.stat(key)
        g.check("%s: key file is private" % way, stat.S_IMODE(facts.st_mode) == 0o600, oct(facts.st_mode))
        g.check("%s: key file has 99 bytes" % way, facts.st_size == 99, facts.st_size)
    good = open(g.services["unix"].key).read()
    for what, text, mode in [
            ("readable by others", good, 0o644), ("empty", "", 0o600), ("cut short", good[:60], 0o600),
            ("damaged", good[:40] + "*" + good[41:], 0o600), ("of version 2", "RSA1024:" + "A" * 88, 0o600)]:
        for way in BOTH:
            with g.part("%s: key file %s" % (way, what)):
                await refused(g, way, what, text, mode)


async def refused(g, way, what, text, mode):
    label = "%s: key file %s" % (way, what)
    node = Node(g.transom, "key", [universal(onion_endpoint(g.net, way))], inside(g.net) if way == "embedded" else None)
    node.write("onion.key", text, mode)
    node.launch()
    code = await node.ended(30)
    g.check(label + " ends the start", code not in (0, -9), code)
    # What it says of the endpoint, not of where the folder is.
    said = node.said()
    g.check(label + " is named", "onion.key" in said and "panicked" not in said, said[-500:])
    g.check(label + " is not touched", open(node.path("onion.key")).read() == text
            and stat.S_IMODE(os.stat(node.path("onion.key")).st_mode) == mode)


async def tor_killed(g):
    """Tor ends under a running node, another node starts meanwhile, and Tor comes back."""
    service = g.services["unix"]
    host, node = service.host, service.node
    pid, cookie = node.child.pid, open(g.net.env["cookie_file"], "rb").read()
    before = await state_of(node, host)
    g.net.halt()

    async def noticed():
        state = await state_of(node, host)
        return state != before and state
    late = Node(g.transom, "late", [universal(onion_endpoint(g.net, way, way + ".key")) for way in ("unix", "tcp")])
    await late.start()
    session = await wamp.join(late.local(), "rawsocket")
    g.check("without a Tor a node starts and serves others", True)
    await wamp.leave(session)
    state = await until("the node tells that Tor is gone", noticed)
    say("without a Tor: \"%s\"" % state)
    text = await late.status_text()
    g.check("without a Tor the status tells it", re.search(r"(?i)tor|control", text) is not None, text)
    g.net.resume()
    await g.net.ready()
    g.check("the control cookie has changed", open(g.net.env["cookie_file"], "rb").read() != cookie)
    with await found(g, host):
        g.check("after Tor has come back the service is back on its address", node.child.poll() is None and node.child.pid == pid)
    for way in ("unix", "tcp"):
        with await found(g, onion.address(late.path(way + ".key"))):
            g.check("a node started without Tor has its service once Tor is there (%s)" % way, True)
    await late.end()


async def state_of(node, host):
    """How far the node says that a service is."""
    mine = [t for t in (await node.status())["transports"] if any(host in bound for bound in t["bound"])]
    return mine[0].get("state") if mine else None


async def no_network(g):
    """The Tor inside a node cannot find the network."""
    if not EMBEDDED:
        return
    # Where nobody listens: the port was ours a moment ago.
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    node = Node(g.transom, "lost", [universal(onion_endpoint(g.net, "embedded"))], {"tor": {"state_dir": "tor", "settings": "arti.toml"}})
    settings = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:%d" % port, open(g.net.env["arti_toml"]).read())
    node.write("arti.toml", settings)
    await node.start()
    session = await wamp.join(node.local(), "rawsocket")
    g.check("without a network a node serves others", True)
    await wamp.leave(session)

    async def told():
        state = next((t.get("state") for t in (await node.status())["transports"] if t.get("state")), None)
        return state and re.search(r"(?i)bootstrap|network|director|connect", state) and state
    state = await until("the status tells of the missing network", told)
    g.check("without a network the status tells it", True)
    say("without a network: \"%s\"" % state)

    async def logged():
        return re.search(r"(?im)^.*(WARN|ERROR).*(bootstrap|network|director|tor).*$", node.said())
    line = await until("the log tells of the missing network", logged)
    g.check("without a network the log tells it", True)
    say("its log: %s" % line[0].strip()[:300])
    g.check("without a network the node leaves all the same", await node.end() == 0)

    broken = Node(g.transom, "settings", [universal(onion_endpoint(g.net, "embedded"))], {"tor": {"state_dir": "tor", "settings": "arti.toml"}})
    broken.write("arti.toml", "[tor_network\n")
    broken.launch()
    code = await broken.ended(30)
    g.check("settings that are no TOML end the start", code not in (0, -9), code)
    g.check("settings that are no TOML are named", "arti.toml" in broken.said(), broken.said()[-500:])
