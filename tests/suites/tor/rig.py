"""What the checks of Tor endpoints stand on: the private network, nodes, commands, deadlines and the count."""
import asyncio
import contextlib
import importlib.machinery
import importlib.util
import json
import os
import re
import signal
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
REALM = "realm1"
# Seconds. Twenty times what it takes on an idle machine, so that a busy one passes, too.
PATIENCE = float(os.environ.get("PATIENCE", "60"))
# Whether the program has a Tor inside.
EMBEDDED = os.environ.get("EMBEDDED", "1") != "0"


def _testnet():
    path = os.path.join(HERE, "..", "tor-testnet", "tor-testnet")
    spec = importlib.util.spec_from_loader("testnet", importlib.machinery.SourceFileLoader("testnet", path))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


testnet = _testnet()


class Checks:
    """Counts. A check that raises has failed, and the rest goes on."""

    def __init__(self):
        self.ok = self.bad = 0

    def check(self, what, good, detail=""):
        self.ok, self.bad = self.ok + bool(good), self.bad + (not good)
        print("%s %s%s" % ("ok  " if good else "FAIL", what, "" if good or not detail else ": %s" % detail), flush=True)
        return bool(good)

    @contextlib.contextmanager
    def part(self, what):
        """What is checked inside counts for itself; only what ends it early is counted here."""
        try:
            yield
        except Exception as e:  # whatever it is, it is a finding
            self.check(what, False, "%s: %s" % (type(e).__name__, e))
            if os.environ.get("VERBOSE"):
                import traceback
                traceback.print_exc()


def say(text):
    print("     " + text, flush=True)


async def until(what, probe, limit=None):
    """Asks until the answer is true, and returns it. OSError and the like mean: not yet."""
    limit = limit or PATIENCE
    deadline, last = time.monotonic() + limit, None
    while True:
        try:
            last = await asyncio.wait_for(probe(), max(0.1, deadline - time.monotonic()))
            if last:
                return last
        except (OSError, EOFError, asyncio.TimeoutError, Failed, testnet.Trouble) as e:
            last = e
        if time.monotonic() > deadline:
            raise Failed("not within %d s: %s (%s)" % (limit, what, last))
        await asyncio.sleep(0.1)


class Failed(Exception):
    """A finding, in words."""


def guarded(argv):
    """A command that ends with this program, however that ends."""
    return ["setpriv", "--pdeathsig", "KILL", *argv]


class Net:
    """The running network."""

    def __init__(self, env_file):
        with open(env_file) as f:
            self.env = json.load(f)
        self.network = testnet.Network(self.env["dir"])
        self.socks_port = self.env["socks_port"]

    def control(self):
        return testnet.Control(self.env["control_socket"], self.env["cookie_file"])

    def control_endpoint(self, kind):
        if kind == "unix":
            return {"type": "unix", "path": self.env["control_socket"]}
        return {"type": "tcp", "host": self.env["control_host"], "port": self.env["control_port"]}

    async def connect(self, host, port=80, limit=None):
        """A stream through the SOCKS port, tried again until there is one."""
        async def attempt():
            return await asyncio.to_thread(testnet.socks5, self.socks_port, host, port, 30.0)
        return await until("%s:%d through SOCKS" % (host, port), attempt, limit)

    def forget(self):
        """Makes the client ask the directories again: it remembers which had nothing."""
        with self.control() as control:
            control.command("SIGNAL NEWNYM")

    def halt(self):
        self.network.halt("client1")

    def resume(self):
        self.network.resume("client1")

    async def ready(self):
        async def asked():
            with self.control() as control:
                return control.getinfo("status/circuit-established") == "1"
        await until("Tor is back", asked)


class Transom:
    """The program under test."""

    def __init__(self, binary, folder):
        self.binary, self.folder, self.count, self.running = binary, folder, 0, []

    def fresh(self, name):
        self.count += 1
        path = os.path.join(self.folder, "%02d-%s" % (self.count, name))
        os.mkdir(path, 0o700)
        return path

    async def run(self, *args, limit=None, cwd=None):
        """(exit code, standard output, standard error) of a command."""
        child = await asyncio.create_subprocess_exec(
            *guarded([self.binary, *args]), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, cwd=cwd or self.folder)
        try:
            out, err = await asyncio.wait_for(child.communicate(), limit or PATIENCE)
        except asyncio.TimeoutError:
            child.kill()
            await child.wait()
            raise Failed("%s did not end" % " ".join(args[:2]))
        return child.returncode, out.decode(errors="replace"), err.decode(errors="replace")

    async def spawn(self, *args, cwd=None):
        running = Running(await asyncio.create_subprocess_exec(
            *guarded([self.binary, *args]), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, cwd=cwd or self.folder), args)
        self.running.append(running)
        return running

    async def end(self):
        """Ends what a check that failed has left."""
        for running in self.running:
            await running.end()


class Running:
    """A command that goes on."""

    def __init__(self, child, args):
        self.child, self.name, self.lines, self.errors = child, " ".join(args[:2]), asyncio.Queue(), []
        self.readers = [asyncio.ensure_future(self._read(child.stdout, self.lines.put_nowait)),
                        asyncio.ensure_future(self._read(child.stderr, self.errors.append))]

    @staticmethod
    async def _read(stream, put):
        while line := await stream.readline():
            put(line.decode(errors="replace").rstrip("\n"))

    async def line(self, limit=None):
        """The next line of standard output."""
        try:
            return await asyncio.wait_for(self.lines.get(), limit or PATIENCE)
        except asyncio.TimeoutError:
            raise Failed("%s printed nothing; %s" % (self.name, " | ".join(self.errors[-3:])))

    async def end(self, by=signal.SIGTERM):
        """Its exit code."""
        if self.child.returncode is None:
            self.child.send_signal(by)
        try:
            await asyncio.wait_for(self.child.wait(), 20)
        except asyncio.TimeoutError:
            self.child.kill()
            await self.child.wait()
        return self.child.returncode


class Node:
    """A node in a folder of its own."""

    def __init__(self, transom, name, transports, controller=None, folder=None):
        self.transom, self.name, self.dir = transom, name, folder or transom.fresh(name)
        self.child, self.log = None, os.path.join(self.dir, "log")
        everything = {"uri": "", "match": "prefix",
                      "allow": {"call": True, "register": True, "publish": True, "subscribe": True}}
        local = universal({"type": "unix", "path": "local.sock"})
        config = {"version": 2, "workers": [{
            "type": "router",
            "realms": [{"name": REALM, "roles": [{"name": "anonymous", "permissions": [everything]}]}],
            "transports": [local, *transports]}]}
        if controller:
            config["controller"] = controller
        self.write("config.json", json.dumps(config, indent=1))

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text, mode=0o600):
        with open(self.path(name), "w") as f:
            f.write(text)
        os.chmod(self.path(name), mode)

    def launch(self):
        self.began = time.monotonic()
        # By its path from the folder, or the socket's would be too long.
        self.child = subprocess.Popen(
            guarded([self.transom.binary, "start", "--cbdir", self.dir]), stdin=subprocess.DEVNULL,
            stdout=open(self.log, "ab"), stderr=subprocess.STDOUT, cwd=self.dir)
        self.transom.running.append(self)

    async def start(self):
        """Starts it, and waits until it takes local connections."""
        self.launch()
        async def up():
            if self.child.poll() is not None:
                raise RuntimeError("%s ended with %d: %s" % (self.name, self.child.returncode, self.said()[-600:]))
            with contextlib.closing(self.local()):
                return True
        await until(self.name + " runs", up)
        return self

    def local(self):
        """A connection to its Unix socket."""
        import socket
        s = socket.socket(socket.AF_UNIX)
        try:
            fd = os.open(self.dir, os.O_PATH)
            try:
                s.connect("/proc/self/fd/%d/local.sock" % fd)
            finally:
                os.close(fd)
        except OSError:
            s.close()
            raise
        return s

    def said(self):
        with open(self.log, errors="replace") as f:
            return re.sub(r"\x1b\[[0-9;]*m", "", f.read())

    async def status(self):
        code, out, err = await self.transom.run("status", "--cbdir", self.dir, "--format", "json", limit=20)
        if code:
            raise Failed("transom status: %s" % err.strip())
        return json.loads(out)

    async def status_text(self):
        code, out, err = await self.transom.run("status", "--cbdir", self.dir, limit=20)
        return out if code == 0 else err

    async def ended(self, limit=20):
        """The exit code of a node that ends by itself."""
        async def gone():
            return self.child.poll() is not None
        await until(self.name + " ends", gone, limit)
        return self.child.returncode

    async def end(self):
        """Its exit code after SIGTERM."""
        if self.child and self.child.poll() is None:
            self.child.terminate()
            try:
                return await self.ended(20)
            except Failed:
                self.child.kill()
                self.child.wait()
                raise
        return self.child.returncode if self.child else None

    def memory(self):
        """Resident MiB."""
        return testnet.proc_stat(self.child.pid)[2] / 2**20


def universal(endpoint):
    return {"type": "universal", "endpoint": endpoint, "rawsocket": {}, "websocket": {},
            "web": {"paths": {"/": {"type": "nodeinfo", "console": True}}}}


def median(values):
    return sorted(values)[len(values) // 2]
