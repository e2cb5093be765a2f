"""A webhook: one POST of JSON for each notice, signed.

Headers: `Idempotency-Key`, the notice's key, the same at every repetition; `X-Mailfleet-Timestamp`,
seconds since 1970; `X-Mailfleet-Signature`, `sha256=` and the hex HMAC-SHA256 of
`TIMESTAMP.BODY` under the channel's secret. A receiver refuses what is older than five minutes.
"""

import hashlib
import hmac
import json
from collections.abc import Sequence

from collector.adapters.notify import post
from collector.adapters.notify.around import Around
from collector.core import letters
from collector.core.channels import Secret, Settings, Webhook
from collector.core.notice import Notice, to_payload

SCHEMA = 1


class WebhookChannel:
    """Implements `ports_notify.Channel`."""

    kind = "webhook"
    is_level = False

    def __init__(self, settings: Webhook, secret: Secret | None, *, around: Around) -> None:
        self._settings = settings
        self._secret = secret
        self._around = around

    async def send(self, notice: Notice) -> str:
        body = self.document(notice)
        return await post.post(self._settings.url, body, headers=self.headers(notice.key, body))

    async def refresh(self, notices: Sequence[Notice]) -> None:
        """It hears of changes alone."""

    async def check(self) -> str:
        """Nothing can be asked of a webhook without telling it something."""
        return "signed" if self._secret else "not signed: give it a secret"

    async def close(self) -> None:
        """Nothing is kept open."""

    def document(self, notice: Notice) -> bytes:
        """The notice with its fleet and the alert's name; `schema` grows when a field changes."""
        said = {
            "schema": SCHEMA,
            "fleet": self._around.fleet,
            "alert": letters.name_of(notice),
            "text": letters.body(notice, fleet=self._around.fleet),
            **to_payload(notice),
        }
        return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()

    def headers(self, key: str, body: bytes) -> dict[str, str]:
        stamp = str(int(self._around.clock.now().timestamp()))
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": key,
            "User-Agent": "mailfleet",
            "X-Mailfleet-Timestamp": stamp,
        }
        if self._secret is not None:
            headers["X-Mailfleet-Signature"] = signature(self._secret, stamp=stamp, body=body)
        return headers


def signature(secret: Secret, *, stamp: str, body: bytes) -> str:
    signed = f"{stamp}.".encode() + body
    return f"sha256={hmac.new(secret.reveal().encode(), signed, hashlib.sha256).hexdigest()}"


def build(settings: Settings, secret: Secret | None, *, around: Around) -> WebhookChannel:
    assert isinstance(settings, Webhook), settings
    return WebhookChannel(settings, secret, around=around)
