"""Which adapter serves which kind of channel. Each is imported when it is first wanted."""

from collections.abc import Mapping
from importlib import import_module
from typing import Protocol, cast

from collector.adapters.notify.around import Around
from collector.core.channels import Secret, Settings
from collector.ports_notify import Channel

KINDS: Mapping[str, str] = {
    "webhook": "collector.adapters.notify.webhook",
    "smtp": "collector.adapters.notify.smtp",
    "alertmanager": "collector.adapters.notify.alertmanager",
    "apprise": "collector.adapters.notify.chat",
}


class Builder(Protocol):
    def __call__(self, settings: Settings, secret: Secret | None, *, around: Around) -> Channel: ...


def build(settings: Settings, secret: Secret | None, *, around: Around) -> Channel:
    """The channel, ready to use; nothing is opened yet."""
    builder = cast(Builder, import_module(KINDS[settings.kind]).build)
    return builder(settings, secret, around=around)


__all__ = ["KINDS", "Around", "build"]
