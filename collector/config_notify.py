"""The part of the configuration that says how people are reached, and its secrets.

    [notify.channels.ops]        one table a channel; its name is a-z, 0-9 and dashes
    [[notify.routes]]            who is told of what; none: every channel of everything

A channel's secret never stands here: it is the systemd credential `notify_NAME`, else the variable
MAILFLEET_NOTIFY_NAME (dashes as underscores), else the file `notify_NAME` beside the configuration.
"""

import ipaddress
import os
import re
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from collector.core.channels import (
    APPRISE_REMEDY,
    Alertmanager,
    Apprise,
    Route,
    Secret,
    Settings,
    Smtp,
    Webhook,
)
from collector.core.severity import Severity

CHANNELS_MAX = 32
ROUTES_MAX = 64
NAMES_MAX = 64
SECRET_BYTES_MAX = 8_192
SECURITY = ("starttls", "tls", "none")
NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
# RFC 5321 4.1.2, without quoted local parts: who receives alerts needs none.
MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.\[\]:-]{1,255}")


def channels(value: object) -> tuple[Settings, ...]:
    """TypeError, ValueError: everything that is wrong, in one text."""
    if not isinstance(value, dict):
        raise TypeError(f"expected tables, found {type(value).__name__}")
    if len(value) > CHANNELS_MAX:
        raise ValueError(f"{len(value)} channels, more than {CHANNELS_MAX}")
    found, problems = [], []
    for name, table in value.items():
        try:
            found.append(_channel(name, table))
        except (TypeError, ValueError) as error:
            problems.append(f"{name[:40]}: {error}")
    if problems:
        raise ValueError("; ".join(problems))
    return tuple(found)


def routes(value: object) -> tuple[Route, ...]:
    """TypeError, ValueError."""
    if not isinstance(value, list):
        raise TypeError(f"expected a list of tables, found {type(value).__name__}")
    if len(value) > ROUTES_MAX:
        raise ValueError(f"{len(value)} routes, more than {ROUTES_MAX}")
    return tuple(_route(number, table) for number, table in enumerate(value, 1))


def strangers(known: Sequence[Settings], wanted: Sequence[Route]) -> list[str]:
    """Channels that routes name and nobody configured."""
    names = {one.name for one in known}
    return sorted({name for route in wanted for name in route.channels} - names)


def unequipped(
    known: Sequence[Settings], *, has: Callable[[str], bool] = lambda name: bool(find_spec(name))
) -> list[str]:
    """Channels that cannot deliver as this collector is installed, each with the remedy."""
    if has("apprise"):
        return []
    return [
        f"notify.channels.{one.name}: apprise is not installed: {APPRISE_REMEDY}"
        for one in known
        if isinstance(one, Apprise)
    ]


def secrets(
    known: Sequence[Settings], path: Path, *, environ: Mapping[str, str] = os.environ
) -> dict[str, Secret]:
    """By channel; `path` is the configuration's. Channels without one are not in it."""
    found = {one.name: _secret(one.name, path, environ=environ) for one in known}
    return {name: Secret(text) for name, text in found.items() if text}


def _secret(name: str, path: Path, *, environ: Mapping[str, str]) -> str:
    folder = environ.get("CREDENTIALS_DIRECTORY")
    variable = f"MAILFLEET_NOTIFY_{name.upper().replace('-', '_')}"
    said = [_read(Path(folder) / f"notify_{name}")] if folder else []
    said += [environ.get(variable, "").strip(), _read(path.with_name(f"notify_{name}"))]
    return next((text for text in said if text), "")


def _read(path: Path) -> str:
    """ "" when there is none, or it is not ours to read."""
    try:
        with path.open("rb") as file:
            return file.read(SECRET_BYTES_MAX).decode().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _channel(name: str, table: object) -> Settings:
    if not NAME.fullmatch(name):
        raise ValueError("a channel's name is 1 to 32 of a-z, 0-9 and dashes")
    if not isinstance(table, dict):
        raise TypeError(f"expected a table, found {type(table).__name__}")
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"kind: one of {', '.join(KINDS)}")
    make, checks, required = KINDS[kind]
    values = _checked({k: v for k, v in table.items() if k != "kind"}, checks, required=required)
    made: Settings = make(name=name, **values)
    if isinstance(made, Smtp) and made.security == "none" and not _is_here(made.host):
        raise ValueError("security: none is only for a relay on this machine")
    if isinstance(made, Webhook) and not _is_safe(made.url):
        raise ValueError("url: https, or http to this machine")
    return made


def _route(number: int, table: object) -> Route:
    if not isinstance(table, dict):
        raise TypeError(f"route {number}: expected a table, found {type(table).__name__}")
    try:
        values = _checked(table, ROUTE, required=("channels",))
    except (TypeError, ValueError) as error:
        raise ValueError(f"route {number}: {error}") from None
    return Route(**values)  # type: ignore[arg-type]  # each field passed its own check


def _checked(
    table: Mapping[str, object], checks: "Mapping[str, Check]", *, required: Sequence[str]
) -> dict[str, object]:
    problems = [f"{key[:40]}: unknown key" for key in table if key not in checks]
    problems += [f"{key}: missing" for key in required if key not in table]
    values: dict[str, object] = {}
    for key, check in checks.items():
        if key in table:
            try:
                values[key] = check(table[key])
            except (TypeError, ValueError) as error:
                problems.append(f"{key}: {error}")
    if problems:
        raise ValueError(", ".join(problems))
    return values


Check = Callable[[object], object]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, found {type(value).__name__}")
    if not 0 < len(value) <= 255 or not value.isprintable():
        raise ValueError("expected 1 to 255 printable characters")
    return value


def _url(value: object) -> str:
    text = _text(value)
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("not an http or https URL")
    if parts.username or parts.password:
        raise ValueError("a URL here holds no password; give it as the channel's secret")
    _ = parts.port  # ValueError beyond 65535
    return text


def _host(value: object) -> str:
    text = _text(value)
    if not re.fullmatch(r"[A-Za-z0-9.:-]{1,253}", text):
        raise ValueError("not a DNS name or IP address")
    return text.lower()


def _mailbox(value: object) -> str:
    text = _text(value)
    if not MAILBOX.fullmatch(text):
        raise ValueError(f"not a mail address: {text[:60]!r}")
    return text


def _port(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65_535:
        raise ValueError("expected a number from 1 to 65535")
    return value


def _security(value: object) -> str:
    text = _text(value)
    if text not in SECURITY:
        raise ValueError(f"one of {', '.join(SECURITY)}")
    return text


def _severity(value: object) -> Severity:
    try:
        return Severity(value)
    except ValueError:
        raise ValueError("one of high, medium, low") from None


def _list(check: Check) -> Check:
    def checked(value: object) -> tuple[object, ...]:
        if not isinstance(value, list):
            raise TypeError(f"expected a list, found {type(value).__name__}")
        if not 0 < len(value) <= NAMES_MAX:
            raise ValueError(f"expected 1 to {NAMES_MAX} entries")
        return tuple(dict.fromkeys(check(one) for one in value))

    return checked


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or _is_here(parts.hostname or "")


KINDS: Mapping[str, tuple[Callable[..., Settings], Mapping[str, Check], tuple[str, ...]]] = {
    "webhook": (Webhook, {"url": _url}, ("url",)),
    "smtp": (
        Smtp,
        {
            "host": _host,
            "port": _port,
            "security": _security,
            "sender": _mailbox,
            "to": _list(_mailbox),
            "username": _text,
            "ca": _text,
        },
        ("host", "sender", "to"),
    ),
    "alertmanager": (Alertmanager, {"url": _url}, ("url",)),
    "apprise": (Apprise, {}, ()),
}
ROUTE: Mapping[str, Check] = {
    "channels": _list(_text),
    "severity": _severity,
    "pools": _list(_text),
    "tenants": _list(_text),
    "causes": _list(_text),
}
