"""A second opinion in Python: securesystemslib judges DSSE envelopes, cryptography the
signatures of notes and cosignatures. Questions come as JSON lines, answers go out as JSON lines in
the same order.
"""

import base64
import hashlib
import json
import struct
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

SPKI = bytes.fromhex("302a300506032b6570032100")


def envelope(asked):
    public = base64.b64decode(asked["Public"])
    keyid = hashlib.sha256(SPKI + public).hexdigest()
    key = SSlibKey(keyid, "ed25519", "ed25519", {"public": public.hex()})
    found = Envelope.from_dict(json.loads(base64.b64decode(asked["Envelope"])))
    found.verify([key], 1)


def vkey(text):
    name, key_id, encoded = text.split("+", 2)
    raw = base64.b64decode(encoded, validate=True)
    if hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4].hex() != key_id:
        raise ValueError("another key id")
    return name, bytes.fromhex(key_id), raw[0], Ed25519PublicKey.from_public_bytes(raw[1:])


def note(asked):
    """The signed bytes of C2SP signed-note and cosignature/v1; the library judges them."""
    text, lines = base64.b64decode(asked["Note"]).decode().rsplit("\n\n", 1)
    text, verified = text + "\n", 0
    if not lines.endswith("\n"):
        raise ValueError("no newline at the end")
    for name, key_id, kind, key in map(vkey, asked["VKeys"]):
        for line in lines[:-1].split("\n"):
            dash, named, encoded = line.split(" ")
            signature = base64.b64decode(encoded, validate=True)
            if dash != "\u2014" or named != name or signature[:4] != key_id:
                continue
            signature, message = signature[4:], text.encode()
            if kind == 4:
                (seconds,) = struct.unpack(">Q", signature[:8])
                signature = signature[8:]
                message = f"cosignature/v1\ntime {seconds}\n{text}".encode()
            key.verify(signature, message)
            verified += 1
    if verified == 0:
        raise ValueError("no known key signed")


CHECKS = {
    "envelope": ("py-securesystemslib", envelope),
    "note": ("py-cryptography", note),
    "cosignature": ("py-cryptography", note),
}


def answer(asked):
    oracle, check = CHECKS[asked["Kind"]]
    try:
        check(asked)
    except InvalidSignature:
        return {"oracle": oracle, "holds": False, "why": "invalid signature"}
    except Exception as error:  # whatever a library raises is its refusal; it is kept as the reason
        return {"oracle": oracle, "holds": False, "why": f"{type(error).__name__}: {error}"}
    return {"oracle": oracle, "holds": True, "why": ""}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))))
