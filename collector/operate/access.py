"""Keys to the REST API: made once, shown once, kept as a hash."""

import hashlib
import secrets

from collector.operate.desk import Desk
from collector.ports import AuditEntry, Refused, Store
from collector.ports_identity import ApiToken

PREFIX = "mfa_"
SECRET_BYTES = 32


def hash_of(secret: str) -> str:
    """SHA-256 is enough for a random secret of 256 bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


async def make_api_token(store: Store, *, name: str, role: str, entry: AuditEntry) -> str:
    """A new key, durable before it is returned. Nobody can show it again."""
    secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    token = ApiToken(secret_hash=hash_of(secret), name=name, role=role, created_at=entry.at)
    await store.add_api_token(token, entry)
    return secret


async def api_token(desk: Desk, secret: str) -> ApiToken:
    """Whose key this is. The look-up is by hash, so its time tells nothing of the secret.

    Refused: UNAUTHENTICATED.
    """
    token = await desk.store.api_token(hash_of(secret))
    if token is None or token.revoked_at is not None:
        raise Refused("UNAUTHENTICATED", "that token is not known here, or was revoked")
    return token
