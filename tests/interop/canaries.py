# SPDX-License-Identifier: Apache-2.0
"""Secrets that are planted, and looked for in every spelling wherever they must not be.

A secret is looked for in pieces, so that one that was cut, wrapped or logged in part is found too:
as it is, in hex, in base64 of both alphabets and at each of the three alignments, and as JSON and
Python escape it. Nothing here knows where to look (integration/canary.py).
"""

import base64
import json
import os

PIECE = 12  # bytes; 16 characters of base64
PIECES = 6  # of a long secret: its beginning, its end, and some between


def alignments(piece):
    """Base64 of the bytes, wherever they stand in a longer text: what does not depend on their
    neighbours."""
    for before in range(3):
        after = -(before + len(piece)) % 3
        spelled = [
            base64.b64encode(fill * before + piece + fill * after) for fill in (b"\0", b"\xff")
        ]
        same = bytes(a if a == b else 0 for a, b in zip(*spelled)).strip(b"\0")
        yield same
        yield same.translate(bytes.maketrans(b"+/", b"-_"))


def escapes(piece):
    """As JSON of a text that was read as Latin-1 or UTF-8, and as Python or C show bytes."""
    yield json.dumps(piece.decode("latin-1"))[1:-1].encode()
    yield b"".join(b"\\u%04X" % byte for byte in piece)
    yield b"".join(b"\\x%02x" % byte for byte in piece)
    yield repr(piece)[2:-1].encode()
    yield piece.decode("latin-1").encode("utf-8")


def spellings(piece, few=False):
    """few: only those in which programs hold and send secrets, not how they print them."""
    spelled = {piece, *alignments(piece)}
    if not few:
        spelled |= {piece.hex().encode(), piece.hex().upper().encode(), *escapes(piece)}
    return spelled


def pieces(secret):
    """Some of the pieces of PIECE bytes, all of a short secret."""
    last = max(len(secret) - PIECE, 0)
    count = min(PIECES, last // PIECE + 2)
    starts = {last * i // max(count - 1, 1) for i in range(count)}
    return {secret[start : start + PIECE] for start in starts}


def looks_random(spelled):
    return len(spelled) >= 12 and len(set(spelled)) > 4


class Canaries:
    def __init__(self):
        self.secrets = {}  # name -> the bytes
        self._spelled = {}  # spelling -> name

    def __len__(self):
        return len(self.secrets)

    def add(self, name, secret):
        """Plant one; it is given back."""
        if len(secret) < PIECE:
            raise ValueError("%s is too short to be told from chance" % name)
        self.secrets[name] = secret
        for piece in pieces(secret):
            for spelled in filter(looks_random, spellings(piece)):
                self._spelled[spelled] = name
        return secret

    def fresh(self, name, size=16):
        return self.add(name, os.urandom(size))

    def fresh_text(self, name):
        """A secret that is text: what a person might have typed."""
        return self.add(name, base64.b32encode(os.urandom(20))).decode()

    def add_key(self, name, private_key):
        """The numbers that make a key private; the others are anybody's."""
        numbers = private_key.private_numbers()
        for part in ("d", "p", "q", "private_value"):
            number = getattr(numbers, part, None)
            if number is not None:
                size = (number.bit_length() + 7) // 8
                self.add("%s (%s)" % (name, part), number.to_bytes(size, "big"))
        return private_key

    def find(self, haystack, but=()):
        """{(name, offset)} of what stands in the bytes; `but`: names that may."""
        return {
            (name, haystack.find(spelled))
            for spelled, name in self._spelled.items()
            if name not in but and spelled in haystack
        }

    def find_in_memory(self, haystack, but=()):
        """The same for many bytes, with the beginnings of the secrets in few spellings; and their
        ends turned round, as libraries hold numbers."""
        return {
            (name, haystack.find(spelled))
            for name, secret in self.secrets.items()
            for spelled in spellings(secret[:PIECE], few=True) | {secret[::-1][:PIECE]}
            if name not in but and looks_random(spelled) and spelled in haystack
        }
