"""Whatever else apprise knows (the extra `notify`): Slack, PagerDuty, Telegram and a hundred more.

apprise blocks, so it works in a thread; it is imported when it is first used. Its address is the
channel's secret and stands in no text.
"""

from collections.abc import Sequence
from typing import Any

import anyio.to_thread

from collector.adapters.notify.around import Around
from collector.core import letters
from collector.core.channels import APPRISE_REMEDY, Apprise, Secret, Settings
from collector.core.notice import Notice, Occasion
from collector.core.severity import Severity
from collector.ports_notify import ChannelError

TYPES = {Severity.HIGH: "failure", Severity.MEDIUM: "warning", Severity.LOW: "info"}
BODY_MAX = 3_000  # chats cut longer ones, or refuse them


class AppriseChannel:
    """Implements `ports_notify.Channel`."""

    kind = "apprise"
    is_level = False

    def __init__(self, settings: Apprise, secret: Secret | None, *, around: Around) -> None:
        self._name = settings.name
        self._secret = secret
        self._around = around

    async def send(self, notice: Notice) -> str:
        title = letters.subject(notice, fleet=self._around.fleet)
        body = letters.body(notice, fleet=self._around.fleet)[:BODY_MAX]
        is_good = notice.event is Occasion.RESOLVED
        kind = "success" if is_good else TYPES[notice.severity]

        def work() -> bool:
            return bool(self._opened().notify(title=title, body=body, notify_type=kind))

        if not await anyio.to_thread.run_sync(work, abandon_on_cancel=True):
            raise ChannelError("apprise could not deliver it", retryable=True)
        return "delivered by apprise"

    async def refresh(self, notices: Sequence[Notice]) -> None:
        """It hears of changes alone."""

    async def check(self) -> str:
        await anyio.to_thread.run_sync(self._opened)
        return "its address is understood"

    async def close(self) -> None:
        """Nothing is kept open."""

    def _opened(self) -> Any:
        if self._secret is None:
            text = f"it has no address: give it as the credential notify_{self._name}"
            raise ChannelError(text, retryable=True)
        try:
            import apprise
        except ImportError:
            text = f"apprise is not installed: {APPRISE_REMEDY}"
            raise ChannelError(text, retryable=True) from None
        opened = apprise.Apprise()
        if not opened.add(self._secret.reveal()):
            raise ChannelError("apprise does not understand its address", retryable=True)
        return opened


def build(settings: Settings, secret: Secret | None, *, around: Around) -> AppriseChannel:
    assert isinstance(settings, Apprise), settings
    return AppriseChannel(settings, secret, around=around)
