"""How a node gets its identity and loses it: join tokens, enrolment, renewal, revocation.

Judges no node and sees no message.
"""

import hashlib
import secrets
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import anyio

from collector.core import credentials
from collector.identity.bearers import ENROL_ANEW, Bearers
from collector.ports import Actor, AuditEntry, Clock, IdentityStore, Refused, Streams
from collector.ports_identity import Authority, NewNode, Token

CLOCK_OFF_MAX = timedelta(hours=24)
# One a day through a certificate's life; past it something renews in a loop.
LIVE_CERTIFICATES_MAX = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Applicant:
    """A node that asks to join. `origin` is where it asks from."""

    token: str = field(repr=False)
    csr_der: bytes
    machine_id: str
    hostname: str
    addresses: tuple[str, ...]
    agent_version: str
    sent_at: datetime
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """A node that asks for its next certificate; `signature` is the old key's over nonce + CSR."""

    certificate_der: bytes
    csr_der: bytes
    nonce: bytes
    signature: bytes
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    node_id: str
    fleet: str
    certificate_pem: bytes
    ca_pem: bytes
    at: datetime


class Register:
    """The fleet's identities. `load` before anything else."""

    def __init__(
        self, *, store: IdentityStore, authority: Authority, streams: Streams, clock: Clock
    ) -> None:
        self._store = store
        self._authority = authority
        self._streams = streams
        self._clock = clock
        self._nonce_key = secrets.token_bytes(32)
        self._bearers = Bearers()
        # A renewal under way must not slip past a revocation: one act at a time.
        self._acting = anyio.Lock()

    async def load(self) -> None:
        for certificate in await self._store.certificates():
            self._bearers.add(certificate)

    def bearer(self, fingerprint: str) -> str:
        """The node this certificate was issued to. Refused: REVOKED, UNKNOWN_NODE."""
        return self._bearers.bearer(fingerprint)

    async def new_token(self, pool_id: str, *, actor: Actor, node_id: str | None = None) -> str:
        """The text of a join token, shown once; with `node_id` it re-enrols that node."""
        now = self._clock.now()
        secret = secrets.token_bytes(credentials.TOKEN_SECRET_BYTES)
        token = Token(
            secret_hash=credentials.secret_hash(secret),
            pool_id=pool_id,
            created_at=now,
            expires_at=now + credentials.TOKEN_LIFE,
            created_by=actor.name,
            node_id=node_id,
        )
        entry = AuditEntry(
            actor=actor,
            action="token created",
            subject=node_id or f"pool {pool_id}",
            after={"expires_at": token.expires_at.isoformat()},
            at=now,
        )
        await self._store.add_token(token, entry)
        return credentials.token_text(secret, ca_pem=self._authority.ca_pem())

    async def enrol(self, applicant: Applicant) -> Issued:
        """Uses the token and issues the node's first certificate.

        Refused: CLOCK, CSR_INVALID, TOKEN_UNKNOWN, TOKEN_USED, TOKEN_EXPIRED.
        """
        async with self._acting:
            return await self._enrol(applicant)

    async def _enrol(self, applicant: Applicant) -> Issued:
        now = self._clock.now()
        check_clock(applicant.sent_at, now=now)
        hashed, token = await self._token(applicant.token, now)
        node_id = token.node_id or str(uuid.uuid4())
        pem, certificate = self._authority.issue(applicant.csr_der, node_id=node_id, now=now)
        node = NewNode(
            id=node_id,
            name=applicant.hostname,
            pool_id=token.pool_id,
            machine_id=applicant.machine_id,
            hostname=applicant.hostname,
            addresses=applicant.addresses,
            enrolled_at=now,
        )
        entry = AuditEntry(
            actor=Actor(name=f"token of {token.created_by}", origin=applicant.origin),
            action="node enrolled",
            subject=node_id,
            after={
                "hostname": applicant.hostname,
                "machine_id": applicant.machine_id,
                "addresses": list(applicant.addresses),
                "agent_version": applicant.agent_version,
                "fingerprint": certificate.fingerprint,
                "not_after": certificate.not_after.isoformat(),
            },
            at=now,
        )
        await self._store.enrol(hashed, node, certificate=certificate, entry=entry)
        self._forget(node_id, text="this node was enrolled anew")
        self._bearers.add(certificate)
        return self._issued(node_id, pem, now=now)

    def nonce(self, renewal: Renewal) -> bytes:
        """For the first of the two calls of a renewal. Nothing is looked up or kept."""
        return credentials.nonce(
            self._nonce_key,
            salt=secrets.token_bytes(credentials.NONCE_SALT_BYTES),
            given_for=_asked(renewal),
            now=self._clock.now(),
        )

    async def renew(self, renewal: Renewal) -> Issued:
        """Issues the next certificate; the old one stays good until its end.

        Refused: NONCE_WRONG, CERTIFICATE_UNKNOWN, CERTIFICATE_TOO_OLD, PROOF_WRONG, CSR_INVALID,
        UNKNOWN_NODE, REVOKED, RENEWED_TOO_OFTEN.
        """
        async with self._acting:
            return await self._renew(renewal)

    async def _renew(self, renewal: Renewal) -> Issued:
        now = self._clock.now()
        if not credentials.is_nonce(
            renewal.nonce, key=self._nonce_key, given_for=_asked(renewal), now=now
        ):
            raise Refused("NONCE_WRONG", "the nonce is not one given for this in the last minute")
        fingerprint = self._authority.proves_old_key(
            renewal.certificate_der,
            signature=renewal.signature,
            message=renewal.nonce + renewal.csr_der,
            now=now,
        )
        node_id = self.bearer(fingerprint)
        if self._bearers.live_count(node_id, now) >= LIVE_CERTIFICATES_MAX:
            raise Refused(
                "RENEWED_TOO_OFTEN",
                f"node {node_id} holds {LIVE_CERTIFICATES_MAX} certificates that have not ended",
            )
        pem, certificate = self._authority.issue(renewal.csr_der, node_id=node_id, now=now)
        entry = AuditEntry(
            actor=Actor(name=f"node {node_id}", origin=renewal.origin),
            action="certificate renewed",
            subject=node_id,
            before={"fingerprint": fingerprint},
            after={
                "fingerprint": certificate.fingerprint,
                "not_after": certificate.not_after.isoformat(),
            },
            at=now,
        )
        await self._store.add_certificate(certificate, entry)
        self._bearers.add(certificate)
        return self._issued(node_id, pem, now=now)

    async def revoke(self, node_id: str, entry: AuditEntry) -> int:
        """Revokes every certificate of the node and ends its stream; how many were revoked."""
        async with self._acting:
            fingerprints = await self._store.revoke(node_id, entry)
            self._forget(node_id, text=f"this node was revoked by {entry.actor.name}")
        return len(fingerprints)

    async def rotate_ca(self, entry: AuditEntry) -> None:
        """A new root issues from now on. Refused CA_IN_USE: a node still needs the oldest one."""
        now = self._clock.now()
        self._authority.rotate(self._bearers.live(now), now=now)
        await self._store.add_audit(entry)

    async def _token(self, text: str, now: datetime) -> tuple[str, Token]:
        """The token as the journal has it. `enrol` of the store checks the same once more."""
        secret = credentials.token_secret(text)
        hashed = credentials.secret_hash(secret) if secret else ""
        token = await self._store.token(hashed) if secret else None
        if token is None:
            raise Refused("TOKEN_UNKNOWN", "this collector made no such token; make a new one")
        if token.used_at is not None:
            raise Refused("TOKEN_USED", "a token is good for one node, this one was used already")
        if now >= token.expires_at:
            raise Refused(
                "TOKEN_EXPIRED",
                f"this token was good until {token.expires_at:%Y-%m-%d %H:%M:%SZ}; make a new one",
            )
        return hashed, token

    def _forget(self, node_id: str, *, text: str) -> None:
        """None of the node's certificates so far opens a stream again."""
        self._bearers.revoke(node_id)
        self._streams.close(node_id, code="REVOKED", text=f"{text}; {ENROL_ANEW}")

    def _issued(self, node_id: str, pem: bytes, *, now: datetime) -> Issued:
        return Issued(
            node_id=node_id,
            fleet=self._authority.fleet,
            certificate_pem=pem,
            ca_pem=self._authority.ca_pem(),
            at=now,
        )


def check_clock(sent_at: datetime, *, now: datetime) -> None:
    """Refused CLOCK when the node's clock is more than a day off; less is skew, and shows."""
    off = sent_at - now
    if abs(off) > CLOCK_OFF_MAX:
        side = "ahead of" if off > timedelta(0) else "behind"
        raise Refused(
            "CLOCK",
            f"your clock is {abs(off).total_seconds() / 3600:.0f} hours {side} the collector's;"
            " set it (timedatectl set-ntp true)",
        )


def _asked(renewal: Renewal) -> bytes:
    """What a nonce is bound to: this certificate and this request."""
    both = hashlib.sha256(renewal.certificate_der), hashlib.sha256(renewal.csr_der)
    return b"".join(each.digest() for each in both)
