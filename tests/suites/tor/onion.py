"""Keys and addresses of onion services, computed apart from the program under test."""
import base64
import hashlib
import os

import nacl.bindings

PREFIX = "ED25519-V3:"


def address(key_file):
    """The address that belongs to a key file (rend-spec-v3, ONIONADDRESS)."""
    with open(key_file) as f:
        text = f.read()
    secret = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    public = nacl.bindings.crypto_scalarmult_ed25519_base_noclamp(secret[:32])
    check = hashlib.sha3_256(b".onion checksum" + public + b"\x03").digest()[:2]
    return base64.b32encode(public + check + b"\x03").decode().lower() + ".onion"


def client_pair():
    """A client's keys: what a service's `client_auth` wants, and what a control port wants."""
    secret = bytearray(os.urandom(32))
    # tor takes the bits as they are (RFC 7748, section 5, is what makes a secret of any 32 bytes).
    secret[0], secret[31] = secret[0] & 248, secret[31] & 127 | 64
    public = nacl.bindings.crypto_scalarmult_base(bytes(secret))
    return base64.b32encode(public).decode().rstrip("="), "x25519:" + base64.b64encode(secret).decode()
