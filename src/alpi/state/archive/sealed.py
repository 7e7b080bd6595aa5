"""The sealed form of a backup: a byte stream in authenticated chunks, under a key that is made from a passphrase.

    header    fields 60 bytes: magic and version "alpiBAK\\x01", three numbers of 4 bytes (Argon2id passes, Argon2id memory in KiB,
              longest chunk), 16 bytes of salt, 24 bytes that begin the stream
              8 bytes of SHA-256 over the fields: tells a damaged header from a wrong passphrase
              16 bytes of BLAKE2b over all of this, keyed from the passphrase: tells a wrong passphrase from a damaged stream
    chunks    4 bytes of length, then that many bytes of libsodium's secretstream (XChaCha20-Poly1305); the header is the associated
              data of each; the last one carries the final tag, so a stream that was cut off is never taken for a whole one

Numbers are big-endian. The cost stands in the header, because a telephone cannot afford what a desktop can.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct
import unicodedata
from dataclasses import dataclass
from typing import Any, BinaryIO

from ...base.errors import AlpiError, UsageError

MAGIC = b"alpiBAK\x01"
FIELDS = struct.Struct(">8sIII16s24s")
LENGTH = struct.Struct(">I")
DIGEST = 8
PROOF = 16
HEADER = FIELDS.size + DIGEST + PROOF
LARGEST_CHUNK = 16 << 20
MOST_PASSES = 16
MOST_MEMORY = 2 << 20
"""KiB. A file that asks for more was not made by alpi, and must not be able to eat the machine's memory."""


class ArchiveError(AlpiError):
    """A backup cannot be used. ``kind``: ``passphrase``, ``damaged``, ``cut off``, ``foreign`` (no backup of alpi's) or ``contents``."""

    def __init__(self, kind: str, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Cost:
    """What making the key costs: passes, and KiB of memory. The default is libsodium's "moderate": 256 MiB, under a second."""

    passes: int = 3
    memory: int = 256 << 10
    chunk: int = 1 << 20


SMALL = Cost(passes=2, memory=64 << 10)
"""libsodium's "interactive", for machines without the memory."""


class Sealer:
    """Writes a sealed stream. A file object with ``write``; ``close`` ends it, and without that it is worth nothing.

    Args:
        out: takes the bytes.
        passphrase: see ``spelled``.
        cost: where the memory is lacking, ``SMALL`` is taken instead.

    Raises:
        UsageError: an empty passphrase.
    """

    def __init__(self, out: BinaryIO, passphrase: str, cost: Cost | None = None) -> None:
        import nacl.bindings as sodium

        self._sodium: Any = sodium
        self._out = out
        cost, salt = cost or Cost(), os.urandom(16)
        try:
            keys = _keys(passphrase, salt, cost)
        except MemoryError:
            cost = Cost(SMALL.passes, SMALL.memory, cost.chunk)
            keys = _keys(passphrase, salt, cost)
        self._chunk = cost.chunk
        self._state = sodium.crypto_secretstream_xchacha20poly1305_state()
        begin = sodium.crypto_secretstream_xchacha20poly1305_init_push(self._state, keys[:32])
        fields = FIELDS.pack(MAGIC, cost.passes, cost.memory, cost.chunk, salt, begin)
        self._header = _header(fields, keys[32:])
        self._rest = bytearray()
        self.size = self._put(self._header)

    def write(self, data: bytes) -> int:
        """Take in bytes; whole chunks go out."""
        self._rest += data
        while len(self._rest) > self._chunk:
            self._push(bytes(self._rest[: self._chunk]), self._sodium.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE)
            del self._rest[: self._chunk]
        return len(data)

    def close(self) -> None:
        """Write the rest, and the mark that nothing is missing."""
        self._push(bytes(self._rest), self._sodium.crypto_secretstream_xchacha20poly1305_TAG_FINAL)
        self._rest.clear()

    def _push(self, data: bytes, tag: int) -> None:
        sealed = self._sodium.crypto_secretstream_xchacha20poly1305_push(self._state, data, self._header, tag)
        self.size += self._put(LENGTH.pack(len(sealed)) + sealed)

    def _put(self, data: bytes) -> int:
        self._out.write(data)
        return len(data)


class Unsealer:
    """Reads a sealed stream. A file object with ``read``; each byte that it gives has been authenticated.

    That the stream is whole is known at its end only: read until ``b""``, or call ``finish``.

    Raises:
        ArchiveError: from here and from ``read``: it is no such stream, the passphrase is wrong, it was cut off or damaged.
    """

    def __init__(self, source: BinaryIO, passphrase: str) -> None:
        import nacl.bindings as sodium

        self._sodium: Any = sodium
        self._source = source
        header = _exactly(source, HEADER)
        cost, salt, begin = _fields(header)
        try:
            keys = _keys(passphrase, salt, cost)
        except MemoryError as error:
            need = f"making its key takes {cost.memory >> 10} MiB of memory, which are not free here"
            raise ArchiveError("contents", need, "Close other programs, or use a larger machine") from error
        if not hmac.compare_digest(_header(header[: FIELDS.size], keys[32:]), header):
            raise ArchiveError("passphrase", "the passphrase is wrong", "Try again; nobody can recover it")
        self._header = header
        self._shortest = sodium.crypto_secretstream_xchacha20poly1305_ABYTES
        self._longest = cost.chunk + self._shortest
        self._state = sodium.crypto_secretstream_xchacha20poly1305_state()
        sodium.crypto_secretstream_xchacha20poly1305_init_pull(self._state, begin, keys[:32])
        self._ready = b""
        self._ended = False
        self._place = HEADER

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at most ``size``; ``b""`` at the end."""
        parts: list[bytes] = []
        wanted = size
        while wanted and (self._ready or self._next()):
            part = self._ready if size < 0 else self._ready[:wanted]
            self._ready = self._ready[len(part) :]
            parts.append(part)
            wanted -= len(part)
        return b"".join(parts)

    def finish(self) -> None:
        """Read on to the end, so that all of it has been authenticated."""
        self._ready = b""
        while self._next():
            self._ready = b""

    def _next(self) -> bool:
        """Open the next chunk. False at the end."""
        while not self._ended and not self._ready:
            (length,) = LENGTH.unpack(_exactly(self._source, LENGTH.size))
            if not self._shortest <= length <= self._longest:
                raise self._damaged()
            sealed = _exactly(self._source, length)
            try:
                data, tag = self._sodium.crypto_secretstream_xchacha20poly1305_pull(self._state, sealed, self._header)
            except (RuntimeError, ValueError) as error:
                raise self._damaged() from error
            self._place += LENGTH.size + length
            self._ready = data
            self._ended = tag == self._sodium.crypto_secretstream_xchacha20poly1305_TAG_FINAL
            if self._ended and self._source.read(1):
                raise ArchiveError("damaged", "something was added behind its end", "Use another copy of the backup")
        return bool(self._ready)

    def _damaged(self) -> ArchiveError:
        return ArchiveError(
            "damaged", f"it is damaged, or was altered, after byte {self._place:,}", "Use another copy of the backup"
        )


def spelled(passphrase: str) -> bytes:
    """A passphrase as bytes: letters with accents are the same ones however a keyboard composes them.

    Raises:
        UsageError: it is empty.
    """
    if not passphrase:
        raise UsageError("the passphrase is empty", "Choose one of several words, and write it down")
    return unicodedata.normalize("NFC", passphrase).encode("utf-8", "surrogateescape")


def _keys(passphrase: str, salt: bytes, cost: Cost) -> bytes:
    """64 bytes: the stream's key, and the one that proves the passphrase.

    Raises:
        MemoryError: the machine has not got what it takes.
    """
    from nacl.exceptions import CryptoError
    from nacl.pwhash import argon2id

    try:
        return argon2id.kdf(64, spelled(passphrase), salt, opslimit=cost.passes, memlimit=cost.memory << 10)
    except (CryptoError, RuntimeError) as error:  # libsodium's only reason to fail here
        raise MemoryError from error


def _header(fields: bytes, key: bytes) -> bytes:
    known = fields + hashlib.sha256(fields).digest()[:DIGEST]
    return known + hashlib.blake2b(known, digest_size=PROOF, key=key).digest()


def _fields(header: bytes) -> tuple[Cost, bytes, bytes]:
    fields = header[: FIELDS.size]
    magic, passes, memory, chunk, salt, begin = FIELDS.unpack(fields)
    if magic != MAGIC:
        if magic[:-1] == MAGIC[:-1]:
            raise ArchiveError("foreign", f"it has form {magic[-1]}, which this alpi does not know", "Use a newer alpi")
        raise ArchiveError("foreign", "it is not a backup of alpi's")
    if hashlib.sha256(fields).digest()[:DIGEST] != header[FIELDS.size : FIELDS.size + DIGEST]:
        raise ArchiveError("damaged", "its first bytes are damaged", "Use another copy of the backup")
    if not (0 < passes <= MOST_PASSES and 8 <= memory <= MOST_MEMORY and 0 < chunk <= LARGEST_CHUNK):
        raise ArchiveError("damaged", "its first bytes ask for what no backup of alpi's asks for")
    return Cost(passes, memory, chunk), salt, begin


def _exactly(source: BinaryIO, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = source.read(size - len(data))
        if not part:
            raise ArchiveError("cut off", "it was cut off: its end is missing", "Use another copy of the backup")
        data += part
    return data
