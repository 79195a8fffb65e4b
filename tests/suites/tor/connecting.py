"""Our own connecting endpoints: through a SOCKS port and by the Tor inside the program."""
import asyncio
import json
import os
import re
import ssl
import subprocess
import time

import onion
import services
import wamp
from rig import EMBEDDED, PATIENCE, Failed, Node, median, say, testnet, universal, until
from services import BOTH, found, onion_endpoint

CLIENTS = ["tor_socks_port", "tor_socks_endpoint"] + ["embedded"] * EMBEDDED
# One of each kind.
KINDS = [client for client in CLIENTS if client != "tor_socks_endpoint"]


def tor_endpoint(g, client, host, port=80, **more):
    """A connecting endpoint."""
    how = {"tor_socks_port": g.net.socks_port,
           "tor_socks_endpoint": {"type": "tcp", "host": "127.0.0.1", "port": g.net.socks_port},
           "embedded": True}[client]
    return {"type": "tor", "host": host, "port": port, client: how, **more}


def transport(g, client, kind, host):
    if kind == "websocket":
        return {"type": "websocket", "url": "ws://%s/ws" % host, "serializers": ["cbor"],
                "endpoint": tor_endpoint(g, client, host)}
    return {"type": "rawsocket", "serializer": "cbor", "endpoint": tor_endpoint(g, client, host)}


def inside(g, client):
    """The options for the Tor inside a command: two at once cannot share its state."""
    return ["--tor-state", g.transom.fresh("state"), "--tor-settings", g.net.env["arti_toml"]] if client == "embedded" else []


async def pairings(g):
    """Each kind of service with each kind of client, over each protocol."""
    limit = asyncio.Semaphore(4)

    async def one(way, client, kind):
        async with limit:
            label = "%s service, %s client, %s" % (way, client, kind)
            with g.part(label):
                await commands(g, label, g.services[way], client, kind)
    await asyncio.gather(*(one(way, client, kind) for way in BOTH for client in CLIENTS
                           for kind in ("websocket", "rawsocket")))


async def commands(g, label, service, client, kind):
    """The four commands against sessions on the node's Unix socket."""
    name = "com.example." + os.urandom(4).hex()
    options = lambda: ["--transport", json.dumps(transport(g, client, kind, service.host)), *inside(g, client)]  # noqa: E731
    local = await wamp.join(service.node.local(), "rawsocket")
    heard = asyncio.Queue()
    await local.register(lambda text: text * 2, name + ".twice")
    await local.subscribe(heard.put_nowait, name + ".said")

    # A service that is new may not be found at once.
    async def called():
        nonlocal failure
        began = time.monotonic()
        code, out, err = await g.transom.run("call", name + ".twice", "ab", "--value", *options())
        failure = err
        return code == 0 and (out.strip(), time.monotonic() - began)
    failure = ""
    try:
        out, seconds = await until(label + " calls", called)
    except Failed:
        raise Failed(failure.strip())
    g.check(label + ": call", out == '"abab"', out)
    say("%s: %.1f s for a command with one call" % (label, seconds))
    code, _, err = await g.transom.run("publish", name + ".said", "hello", "--acknowledge", *options())
    event = await asyncio.wait_for(heard.get(), 30) if code == 0 else err
    g.check(label + ": publish", event == "hello", event)
    # Not four times as many processes for the sake of a second way to the same port.
    if client != "tor_socks_endpoint":
        subscriber = await known(g, local, "subscription", name + ".news", lambda: ["subscribe", name + ".news", *options()])
        await local.publish(name + ".news", "to you", options=wamp.TO_ALL)
        line = json.loads(await subscriber.line())
        g.check(label + ": subscribe", line.get("args") == ["to you"], line)
        await subscriber.end()
        callee = await known(g, local, "registration", name + ".answer",
                             lambda: ["register", name + ".answer", *options(), "--", "echo", "42"])
        answer = await asyncio.wait_for(local.call(name + ".answer"), 30)
        g.check(label + ": register", answer == 42, answer)
        await callee.end()
    await wamp.leave(local)


async def known(g, session, what, uri, arguments, tries=3):
    """Starts a command and waits until the router has what it wants. On so small a network a Tor inside sometimes finds no
    way with the relays it has settled on, and another one does: so there are three tries, and each is told."""
    for left in reversed(range(tries)):
        command = await g.transom.spawn(*arguments())

        async def there():
            if command.child.returncode is not None:
                raise RuntimeError("%s ended: %s" % (command.name, " | ".join(command.errors[-3:])))
            return await session.call("wamp.%s.lookup" % what, uri)
        try:
            await until("%s of %s" % (what, uri), there, PATIENCE / 2)
            return command
        except Failed as e:
            await command.end()
            words = "%s; the command says: %s" % (e, " | ".join(command.errors[-3:]))
            if not left:
                raise Failed(words)
            say("ONCE MORE: " + words)


async def pipes(g):
    """`endpoint pipe`: a local port as an onion service, and an onion service as a local port."""
    echo = testnet.EchoServer()
    target = json.dumps({"type": "tcp", "host": "127.0.0.1", "port": echo.port})
    for way, client in zip(BOTH, KINDS):
        with g.part("%s: pipe" % way):
            folder = g.transom.fresh("pipe")
            # A Tor inside that is not built for release is a tenth as fast.
            bulk = 2**18 if way == "embedded" else 2**21
            listening = json.dumps(onion_endpoint(g.net, way))
            outward = await g.transom.spawn("endpoint", "pipe", listening, target, *inside(g, way), cwd=folder)
            line = await outward.line()
            host = onion.address(os.path.join(folder, "onion.key"))
            g.check("%s: pipe tells the address it listens on" % way, host in line, line)
            with await found(g, host) as stream:
                await asyncio.to_thread(testnet.echo_round, stream)
                g.check("%s: local port as an onion service" % way, True)
                await figures("%s service, tor's SOCKS" % way, stream, bulk)
            connecting = json.dumps(tor_endpoint(g, client, host))
            inward = await g.transom.spawn("endpoint", "pipe", '{"type": "tcp", "port": 0, "interface": "127.0.0.1"}',
                                           connecting, *inside(g, client))
            port = int(re.search(r":(\d+)$", await inward.line())[1])

            async def through():
                def attempt():
                    import socket
                    stream = socket.create_connection(("127.0.0.1", port), 30)
                    try:
                        testnet.echo_round(stream)
                        return stream
                    except BaseException:
                        stream.close()
                        raise
                return await asyncio.to_thread(attempt)
            with await until("the pipe carries", through) as stream:
                g.check("%s: onion service as a local port" % client, True)
                await figures("%s service, %s client" % (way, client), stream, bulk)
            if client == "tor_socks_port":
                await apart(g, host, connecting, port)
            await inward.end()
            await outward.end()
    echo.close()


async def figures(label, stream, bulk, rounds=20):
    """What it takes: measured, not judged."""
    def measure():
        times = [testnet.echo_round(stream) for _ in range(rounds)]
        began = time.monotonic()
        import threading
        sender = threading.Thread(target=stream.sendall, args=(bytes(bulk),), daemon=True)
        sender.start()
        left = bulk
        while left and (part := stream.recv(65536)):
            left -= len(part)
        if left:
            raise OSError("the bulk did not come back")
        return median(times), time.monotonic() - began
    echo, seconds = await asyncio.to_thread(measure)
    say("%s: echo %.0f ms (median of %d), %.2f MB/s each way at once" % (label, echo * 1000, rounds, bulk / seconds / 1e6))


async def apart(g, host, connecting, port):
    """Two connectors to one service never share a circuit, and the connections of one may."""
    other = await g.transom.spawn("endpoint", "pipe", '{"type": "tcp", "port": 0, "interface": "127.0.0.1"}', connecting)
    second = int(re.search(r":(\d+)$", await other.line())[1])
    import socket
    streams = [await asyncio.to_thread(socket.create_connection, ("127.0.0.1", p), 30) for p in (port, port, second)]
    for stream in streams:
        await asyncio.to_thread(testnet.echo_round, stream)
    with g.net.control() as control:
        # StreamID Status CircuitID Target, and keywords with the user name.
        lines = [l.split() for l in control.getinfo("stream-status").splitlines() if host in l and " SUCCEEDED " in l]
        owners = {}
        for line in control.getinfo("circuit-status").splitlines():
            name = re.search(r'SOCKS_(?:USERNAME|PASSWORD)="([^"]*)"', line)
            owners[line.split()[0]] = re.findall(r'SOCKS_(?:USERNAME|PASSWORD)="([^"]*)"', line) or name
    circuits = [l[2] for l in lines]
    say("circuits of three streams by two connectors: %s" % " ".join(circuits))
    g.check("two connectors have circuits of their own", len(circuits) == 3 and len(set(circuits)) == 2, lines)
    names = {str(owners.get(c)) for c in set(circuits)}
    g.check("two connectors have SOCKS user names of their own", len(names) == 2 and "None" not in names, owners)
    for stream in streams:
        stream.close()
    await other.end()


async def exits(g):
    """A plain target through an exit, with TLS; and what is said when there is no way."""
    folder = g.transom.fresh("tls")
    subprocess.run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out cert.pem "
                   "-days 30 -subj /CN=localhost -addext subjectAltName=DNS:localhost".split(), cwd=folder, check=True,
                   stderr=subprocess.DEVNULL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem"))

    async def goodbye(_, writer):
        writer.close()
    server = await asyncio.start_server(goodbye, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    tls = {"hostname": "localhost", "ca_certificates": [os.path.join(folder, "cert.pem")]}
    for client in KINDS:
        with g.part("%s: TLS through an exit" % client):
            endpoint = json.dumps(tor_endpoint(g, client, "127.0.0.1", port, tls=tls))
            code, out, err = await g.transom.run("endpoint", "connect", endpoint, "--format", "json", *inside(g, client))
            report = json.loads(out) if out else {}
            g.check("%s: TLS through an exit" % client, code == 0 and report.get("ok") and report.get("tls"), err or out)
    server.close()

    reached = g.services["unix"].host
    nobody = onion_of_nobody()
    for client in KINDS:
        for what, host, to, codes, words in [
                ("onion service that is not there", nobody, 80, (5,), r"does not exist|not published|descriptor"),
                ("address with a typing error", nobody[:20] + "x" + nobody[21:], 80, (1, 3, 5, 9), r"address|general failure|refused|fail"),
                ("port that is not mapped", reached, 81, (4,), r"refused|port"),
                ("closed port behind an exit", "127.0.0.1", port, (4, 5, 9), r"refused|fail|exit|clos")]:
            with g.part("%s: %s" % (client, what)):
                endpoint = json.dumps(tor_endpoint(g, client, host, to))
                code, out, err = await g.transom.run("endpoint", "connect", endpoint, *inside(g, client))
                said = (out + err).strip()
                g.check("%s: %s has exit code %s" % (client, what, "/".join(map(str, codes))), code in codes, "%d: %s" % (code, said))
                g.check("%s: %s is told" % (client, what), re.search(words, said, re.I) and "panicked" not in said, said)
                say("%s: %s" % (client, next((line.strip() for line in said.splitlines() if "failed" in line), said)))


def onion_of_nobody():
    """A valid address of a service that does not exist."""
    import base64
    import tempfile
    with tempfile.NamedTemporaryFile("w") as f:
        f.write(onion.PREFIX + base64.b64encode(os.urandom(64)).decode())
        f.flush()
        return onion.address(f.name)


async def authorized(g):
    """Only clients with a key find a service with `client_auth`."""
    public, secret = onion.client_pair()
    for way in BOTH:
        with g.part("%s: client authorization" % way):
            node = Node(g.transom, "private", [universal(onion_endpoint(g.net, way, client_auth=[public]))],
                        services.inside(g.net) if way == "embedded" else None)
            await node.start()
            host = onion.address(node.path("onion.key"))
            with await found(g, host, key=secret):
                g.check("%s: a client with the key reaches the service" % way, True)
            with g.net.control() as control:
                control.command("ONION_CLIENT_AUTH_REMOVE " + host.removesuffix(".onion"))
            g.net.forget()
            try:
                (await asyncio.to_thread(testnet.socks5, g.net.socks_port, host, 80, 20.0)).close()
                reached = True
            except OSError:
                reached = False
            g.check("%s: a client without it does not" % way, not reached)
            await node.end()
