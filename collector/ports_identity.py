"""What proves who somebody is: the CA and its certificates, tokens, and what seals secrets."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


class AuthorityError(Exception):
    """The CA's folder cannot be read, written or opened; nothing was issued."""


class SecretsError(Exception):
    """The master key is missing, readable by others, or not the one this was sealed under."""


class Secrets(Protocol):
    """Encryption at rest under a master key that lies outside the database."""

    def seal(self, plain: bytes, *, purpose: str) -> bytes:
        """Sealed for this purpose alone."""

    def open(self, sealed: bytes, *, purpose: str) -> bytes:
        """SecretsError: altered, or sealed for another purpose or under another key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A client certificate the CA issued. `fingerprint` is the SHA-256 of its DER, hex."""

    fingerprint: str
    node_id: str
    serial: int
    not_before: datetime
    not_after: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerCertificate:
    """What a listener proves itself with. `path` holds key and certificate (PEM, 0600)."""

    key_pem: bytes = field(repr=False)
    certificate_pem: bytes
    not_after: datetime
    path: str


class Authority(Protocol):
    """The fleet's CA. CSRs are checked here; subjects and extensions of the CSR are ignored."""

    @property
    def fleet(self) -> str: ...

    def ca_pem(self) -> bytes:
        """All roots trusted now, newest first: what /ca.pem serves and the token's hash covers."""

    def issue(self, csr_der: bytes, *, node_id: str, now: datetime) -> tuple[bytes, Certificate]:
        """Certificate PEM for the URI SAN spiffe://<fleet>/node/<node_id>; Refused on a bad CSR."""

    def proves_old_key(
        self, certificate_der: bytes, *, signature: bytes, message: bytes, now: datetime
    ) -> str:
        """Fingerprint when we issued it, it expired at most 180 days ago, and the key signed."""

    def listener(self, names: Sequence[str], *, now: datetime) -> ListenerCertificate:
        """For the listeners: the one in use, or a new one when it is due or the names changed.

        Issued by the oldest trusted root, which every enrolled node trusts.
        """

    def rotate(self, live: Sequence[Certificate], *, now: datetime) -> None:
        """A new root issues from now on; the one before stays trusted. `live` are the unexpired
        certificates: Refused CA_IN_USE while one of a root that would be dropped is among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A join token as the journal keeps it: only the hash of its secret."""

    secret_hash: str
    pool_id: str
    created_at: datetime
    expires_at: datetime
    created_by: str
    node_id: str | None = None
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """A key to the REST API as the journal keeps it: only the SHA-256 of its secret, hex.

    `role` is viewer, operator or admin.
    """

    secret_hash: str
    name: str
    role: str
    created_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNode:
    id: str
    name: str
    pool_id: str
    machine_id: str
    hostname: str
    addresses: tuple[str, ...]
    enrolled_at: datetime
