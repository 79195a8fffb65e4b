#!/usr/bin/env python3
"""Send the invalid messages of the WAMP test vectors to a router, each on its own session.

usage: wamp_validation.py WS_URL REALM          (standard library only; ws:// on loopback)
For every client-to-router vector with 'expected_error': the router must answer ABORT or ERROR, or close the
connection, within 3 seconds. Afterwards a new session must still work. (Vectors without it are not sent.)
"""
import base64
import glob
import json
import os
import socket
import struct
import sys
from urllib.parse import urlparse

if len(sys.argv) != 3 or sys.argv[1] in ("-h", "--help"):
    print(__doc__)
    sys.exit(2)
URL, REALM = urlparse(sys.argv[1]), sys.argv[2]
DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vendor", "wamp-proto-testsuite", "singlemessage")
TO_ROUTER = {1, 6, 5, 8, 16, 32, 34, 48, 49, 64, 66, 70}    # message codes a client may send


class Ws:
    def __init__(self):
        self.s = socket.create_connection((URL.hostname, URL.port or 80), 5)
        self.s.settimeout(3)
        self.s.sendall(("GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: %s\r\n"
                        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: wamp.2.json\r\n\r\n"
                        % (URL.path or "/", URL.netloc, base64.b64encode(os.urandom(16)).decode())).encode())
        self.buf = b""
        while b"\r\n\r\n" not in self.buf:
            x = self.s.recv(4096)
            if not x:
                raise OSError("closed in handshake")
            self.buf += x
        head, self.buf = self.buf.split(b"\r\n\r\n", 1)
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise OSError(head[:100])

    def send(self, o):
        d = json.dumps(o).encode()
        m = os.urandom(4)
        n = len(d)
        h = struct.pack("!BB", 0x81, 0x80 | n) if n < 126 else struct.pack("!BBH", 0x81, 0xFE, n)
        self.s.sendall(h + m + bytes(c ^ m[i % 4] for i, c in enumerate(d)))

    def need(self, n):
        while len(self.buf) < n:
            x = self.s.recv(65536)
            if not x:
                raise EOFError
            self.buf += x
        r, self.buf = self.buf[:n], self.buf[n:]
        return r

    def recv(self):
        """A decoded message, or None when the peer closed."""
        while True:
            try:
                a, b = self.need(2)
                n = b & 127
                n = struct.unpack("!H", self.need(2))[0] if n == 126 else struct.unpack("!Q", self.need(8))[0] if n == 127 else n
                d = self.need(n)
            except (EOFError, ConnectionError):
                return None
            if a & 15 == 8:
                return None
            if a & 15 == 1:
                return json.loads(d)


ROLES = {"caller": {}, "callee": {}, "publisher": {}, "subscriber": {}}


def join():
    w = Ws()
    w.send([1, REALM, {"roles": ROLES}])
    r = w.recv()
    if not r or r[0] != 2:
        raise OSError("no WELCOME: %r" % (r,))
    return w


ok = bad = 0

def crashed(*exc):      # the last line is the count whatever happens
    sys.__excepthook__(*exc)
    sys.stderr.flush()
    print("FAIL", exc[0].__name__, exc[1])
    print("%d passed, %d failed" % (ok, bad + 1), flush=True)


sys.excepthook = crashed

for f in sorted(glob.glob(DATA + "/**/*.json", recursive=True)):
    doc = json.load(open(f))
    for i, s in enumerate(doc["samples"]):
        if "wmsg" not in s or s["wmsg"][:1] == [] or s["wmsg"][0] not in TO_ROUTER:
            continue
        if "expected_error" not in s:
            continue
        name = "%s #%d %s" % (os.path.basename(f), i, s["description"])
        try:
            w = Ws() if s["wmsg"][0] == 1 else join()
            w.send(s["wmsg"])
            got = "nothing"
            try:
                r = w.recv()
                got = "closed" if r is None else "ABORT" if r[0] == 3 else "ERROR" if r[0] == 8 else repr(r)
            except socket.timeout:
                pass
            w.s.close()
            good = got in ("closed", "ABORT", "ERROR")
        except (OSError, ValueError, TypeError, EOFError) as e:
            got, good = repr(e), False
        ok += good
        bad += not good
        print("ok  " if good else "FAIL", name, "->", got)
try:
    join()
    ok += 1
    print("ok   a new session still works")
except (OSError, ValueError, TypeError, EOFError) as e:
    bad += 1
    print("FAIL a new session still works", e)
print("%d passed, %d failed" % (ok, bad))
sys.exit(1 if bad or ok < 2 else 0)
