"""Join tokens and renewal nonces: their text and arithmetic. Stores nothing, draws no chance.

A nonce proves itself (HMAC over its time and what it was given for), so that asking for nonces
fills no table.
"""

import base64
import hashlib
import hmac
from datetime import datetime, timedelta, timezone

TOKEN_PREFIX = "mft1"  # noqa: S105  # the form's name, not a secret
TOKEN_SECRET_BYTES = 32
TOKEN_LIFE = timedelta(minutes=30)
TOKEN_TEXT_MAX = 256
NONCE_LIFE = timedelta(seconds=60)
NONCE_SALT_BYTES = 16
STAMP_BYTES = 8
MAC_BYTES = 32


def token_text(secret: bytes, *, ca_pem: bytes) -> str:
    """What a person hands to the node: the secret, and the hash by which it knows the CA."""
    shown = base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
    return f"{TOKEN_PREFIX}.{shown}.{hashlib.sha256(ca_pem).hexdigest()}"


def secret_hash(secret: bytes) -> str:
    """What the journal keeps of a token. SHA-256 is enough for 256 random bits."""
    return hashlib.sha256(secret).hexdigest()


def token_secret(text: str) -> bytes | None:
    """The secret in a token's text; None when it is no token."""
    parts = text.strip().split(".")
    if len(text) > TOKEN_TEXT_MAX or len(parts) != 3 or parts[0] != TOKEN_PREFIX:
        return None
    try:
        secret = base64.b64decode(
            parts[1] + "=" * (-len(parts[1]) % 4), altchars=b"-_", validate=True
        )
    except ValueError:
        return None
    return secret if len(secret) == TOKEN_SECRET_BYTES else None


def nonce(key: bytes, *, salt: bytes, given_for: bytes, now: datetime) -> bytes:
    """A nonce for this request alone, good for a minute."""
    head = salt + int(now.timestamp()).to_bytes(STAMP_BYTES, "big")
    return head + _mac(key, head=head, given_for=given_for)


def is_nonce(value: bytes, *, key: bytes, given_for: bytes, now: datetime) -> bool:
    """Whether we gave this nonce for this request within the last minute."""
    if len(value) != NONCE_SALT_BYTES + STAMP_BYTES + MAC_BYTES:
        return False
    head, mac = value[:-MAC_BYTES], value[-MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(key, head=head, given_for=given_for)):
        return False
    given_at = datetime.fromtimestamp(int.from_bytes(head[NONCE_SALT_BYTES:], "big"), timezone.utc)
    return timedelta(0) <= now - given_at <= NONCE_LIFE + timedelta(seconds=1)


def _mac(key: bytes, *, head: bytes, given_for: bytes) -> bytes:
    return hmac.digest(key, head + given_for, "sha256")
