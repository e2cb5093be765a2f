"""The master key, and what is sealed under it (AES-256-GCM). Keeps no secret but the key itself.

A sealed value is one version byte, a random nonce of 12 bytes and the ciphertext with its tag; the
purpose is authenticated with it, so that one sealed value cannot stand in for another.
"""

import os
import stat
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from collector.ports_identity import SecretsError

KEY_BYTES = 32
NONCE_BYTES = 12
VERSION = b"\x01"


class MasterKey:
    """Implements `ports.Secrets`."""

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise SecretsError(f"a master key has {KEY_BYTES} bytes, this one {len(key)}")
        self._cipher = AESGCM(key)

    def seal(self, plain: bytes, *, purpose: str) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return VERSION + nonce + self._cipher.encrypt(nonce, plain, VERSION + purpose.encode())

    def open(self, sealed: bytes, *, purpose: str) -> bytes:
        body = sealed.removeprefix(VERSION)
        try:
            if body is sealed or len(body) < NONCE_BYTES:
                raise ValueError("not a sealed value")
            nonce, ciphertext = body[:NONCE_BYTES], body[NONCE_BYTES:]
            return self._cipher.decrypt(nonce, ciphertext, VERSION + purpose.encode())
        except (InvalidTag, ValueError) as error:
            raise SecretsError(
                f"{purpose}: damaged, or sealed under another master key; restore master.key"
                " from the same backup"
            ) from error

    def __repr__(self) -> str:
        return "MasterKey(<key>)"


def create(path: Path) -> MasterKey:
    """A new random key in a new file, 0600. SecretsError when the file is already there."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            key = os.urandom(KEY_BYTES)
            file.write(key)
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        raise SecretsError(f"{path}: {error.strerror}") from error
    return MasterKey(key)


def load(path: Path) -> MasterKey:
    """The key in the file. SecretsError when it is missing, damaged or open to others."""
    try:
        with path.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise SecretsError(f"{path}: others may read it; chmod 600 {path}")
            return MasterKey(file.read(KEY_BYTES + 1))
    except OSError as error:
        raise SecretsError(f"{path}: {error.strerror}") from error
