"""The part of the configuration that says how people are reached, as text for its file."""

from collections.abc import Iterator, Sequence

from collector.config_notify import KINDS
from collector.core.channels import Route, Settings

EXAMPLE = """
# How people are told. Try each channel with: mailfleet alert test
# [notify.channels.ops]
# kind = "smtp"
# host = "relay.example.net"          # never one of the nodes this fleet watches
# port = 587
# security = "starttls"               # or tls; none only to this machine
# sender = "mailfleet@example.net"
# to = ["ops@example.net"]
# username = "mailfleet"              # the password: credential notify_ops
#
# [notify.channels.pager]
# kind = "webhook"
# url = "https://pager.example.net/in" # signs with the credential notify_pager
#
# [notify.channels.prometheus]
# kind = "alertmanager"
# url = "http://127.0.0.1:9093"
#
# [notify.channels.chat]
# kind = "apprise"                    # its address (slack://…): credential notify_chat;
#                                     # needs install-collector.sh --with-apprise
#
# Without routes every channel hears of everything.
# [[notify.routes]]
# channels = ["pager"]
# severity = "high"                   # this and graver
#
# [[notify.routes]]
# channels = ["ops"]
# pools = ["default"]                 # also: tenants, causes
"""


def render(known: Sequence[Settings], wanted: Sequence[Route]) -> str:
    """As TOML; the commented example where nothing is configured."""
    if not known:
        return EXAMPLE
    lines = [line for one in known for line in _rendered(one)]
    for route in wanted:
        lines += ["", "[[notify.routes]]", f"channels = {_toml(route.channels)}"]
        lines.append(f'severity = "{route.severity.value}"')
        for field in ("pools", "tenants", "causes"):
            if getattr(route, field):
                lines.append(f"{field} = {_toml(getattr(route, field))}")
    return "\n".join(lines) + "\n"


def _rendered(settings: Settings) -> Iterator[str]:
    yield ""
    yield f"[notify.channels.{settings.name}]"
    yield f'kind = "{settings.kind}"'
    for field in KINDS[settings.kind][1]:
        value = getattr(settings, field)
        if value not in ("", ()):
            yield f"{field} = {_toml(value)}"


def _toml(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_toml(one) for one in value)}]"
    return str(value) if isinstance(value, int) else f'"{value}"'
