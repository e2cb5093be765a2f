"""The collector's configuration: every key, its default and its bounds. Reads one TOML file.

All that is wrong with the file is said at once, each with file and key. What an operator changes
weekly is Policy in the journal; what is secret comes from a credential or the environment.
"""

import ipaddress
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import tomllib

from collector import config_notify, config_notify_text
from collector.core.channels import Route, Settings
from deliverability import catalogue, nameservers
from deliverability.zones import ZoneKey, ZoneKeys
from deliverability.zones_query import CREDENTIALS

PATH_DEFAULT = Path("/etc/mailfleet/collector.toml")
FILE_BYTES_MAX = 1_048_576
LIST_ENTRIES_MAX = 64
KEY_NAME = "dqs_key"
DNS_NAME = re.compile(r"(?!-)(?:[A-Za-z0-9-]{1,63}\.)*[A-Za-z0-9-]{1,63}(?<!-)")


class ConfigError(Exception):
    """The configuration cannot be used. `problems` are all there are, one a line."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Where everything is. Port 0 takes any free one and says which in the log."""

    # The trust domain in spiffe://<fleet>/node/…, and what the collector is reached as.
    fleet: str
    names: tuple[str, ...]
    state: Path = Path("/var/lib/mailfleet/collector")
    socket: Path = Path("/run/mailfleet/collector.sock")
    socket_group: str = "mailfleet"
    listen_address: str = "0.0.0.0"  # noqa: S104  # nodes come from everywhere
    https_port: int = 7440
    enrolment_port: int = 7441
    fleet_port: int = 7442
    # Empty: those of /etc/resolv.conf.
    nameservers: tuple[str, ...] = ()
    zones: tuple[str, ...] = ("zen.spamhaus.org",)
    # How people are told, and who of what; no routes: everybody of everything.
    channels: tuple[Settings, ...] = ()
    routes: tuple[Route, ...] = ()


DEFAULTS: Mapping[str, object] = {item.name: item.default for item in fields(Config)}


def place(environ: Mapping[str, str] = os.environ) -> Path:
    """The file to read: `MAILFLEET_CONFIG`, else /etc/mailfleet/collector.toml."""
    return Path(environ.get("MAILFLEET_CONFIG") or PATH_DEFAULT)


def load(path: Path) -> Config:
    """Reads and checks the file. ConfigError names every problem."""
    try:
        with path.open("rb") as file:
            tree = tomllib.loads(file.read(FILE_BYTES_MAX).decode())
    except FileNotFoundError as error:
        raise ConfigError([f"{path}: no such file; make it with: mailfleet init"]) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError([f"{path}: {error}"]) from error
    return parse(tree, origin=str(path))


def parse(tree: Mapping[str, object], *, origin: str) -> Config:
    """The configuration in a parsed TOML document; `origin` names the file in errors."""
    problems: list[str] = []
    values: dict[str, object] = {}
    for name, value in _leaves(tree):
        if name not in KEYS:
            problems.append(f"{origin}: {name}: unknown key")
            continue
        field, check = KEYS[name]
        try:
            values[field] = check(value)
        except (TypeError, ValueError) as error:
            problems.append(f"{origin}: {name}: {error}")
    said = {problem.removeprefix(f"{origin}: ").partition(":")[0] for problem in problems}
    problems += [
        f"{origin}: {name}: missing"
        for name in REQUIRED
        if KEYS[name][0] not in values and name not in said
    ]
    problems += _port_clashes(values, origin)
    problems += _strangers(values, origin)
    if problems:
        raise ConfigError(problems)
    return Config(**values)  # type: ignore[arg-type]  # each field passed its own check


def render(config: Config) -> str:
    """The file `init` writes: what was chosen, then every other key as a comment."""
    lines = ["# mailfleet collector. Every key, with its default where it is commented out."]
    section = ""
    for name, (field, _) in KEYS.items():
        if name in TOLD:
            continue
        table, _, key = name.rpartition(".")
        if table != section:
            lines += ["", f"[{table}]"]
            section = table
        mark = "# " if getattr(config, field) == DEFAULTS[field] else ""
        lines.append(f"{mark}{key} = {_toml(getattr(config, field))}")
    told = config_notify_text.render(config.channels, config.routes)
    return "\n".join(lines) + "\n" + told


def zone_keys(path: Path, environ: Mapping[str, str] = os.environ) -> ZoneKeys:
    """The operators' keys: each from the systemd credential of its name (`dqs_key`: Spamhaus), else
    from the environment (MAILFLEET_DQS_KEY), else from the file of its name beside the
    configuration `path`.

    ConfigError, which repeats no key, for one that cannot be one.
    """
    folder = environ.get("CREDENTIALS_DIRECTORY")
    keys, problems = [], []
    for name, operator in CREDENTIALS.items():
        said = [_secret(Path(folder) / name)] if folder else []
        said += [environ.get(f"MAILFLEET_{name.upper()}", "").strip()]
        said += [_secret(path.with_name(name))]
        try:
            keys += [ZoneKey(text, operator=operator) for text in said if text][:1]
        except ValueError as error:
            problems.append(f"{name}: {error}")
    if problems:
        raise ConfigError(problems)
    return ZoneKeys(*keys)


def _secret(path: Path) -> str:
    """ "" when there is none, or it is not ours to read."""
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _leaves(tree: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for name, value in tree.items():
        if isinstance(value, dict) and name in SECTIONS:
            yield from ((f"{name}.{key}", inner) for key, inner in value.items())
        else:
            yield name, value


def _port_clashes(values: Mapping[str, object], origin: str) -> Iterator[str]:
    seen: dict[object, str] = {}
    for name in ("listen.https", "listen.enrolment", "listen.fleet"):
        field = KEYS[name][0]
        port = values.get(field, DEFAULTS[field])
        if port and port in seen:
            yield f"{origin}: {name}: {port} is already {seen[port]}"
        seen[port] = name


def _strangers(values: Mapping[str, object], origin: str) -> Iterator[str]:
    known, wanted = values.get("channels", ()), values.get("routes", ())
    assert isinstance(known, tuple) and isinstance(wanted, tuple)  # noqa: PT018
    for name in config_notify.strangers(known, wanted):
        yield f"{origin}: notify.routes: no channel has the name {name[:40]!r}"


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, found {type(value).__name__}")
    if not 0 < len(value) <= 4096 or "\0" in value:
        raise ValueError("expected 1 to 4096 characters")
    return value


def _name(value: object) -> str:
    """A DNS name or an IP address: what a certificate's subject alternative names may hold."""
    text = _text(value)
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        if len(text) > 253 or not DNS_NAME.fullmatch(text):
            raise ValueError(f"not a DNS name or IP address: {text[:80]!r}") from None
    return text.lower()


def _fleet(value: object) -> str:
    """A SPIFFE trust domain: lower-case letters, digits, dots, dashes and underscores."""
    text = _text(value)
    if not re.fullmatch(r"[a-z0-9._-]{1,253}", text):
        raise ValueError(f"not a fleet's name (a-z 0-9 . - _): {text[:80]!r}")
    return text


def _address(value: object) -> str:
    try:
        return str(ipaddress.ip_address(_text(value)))
    except ValueError:
        raise ValueError(f"not an IP address: {str(value)[:80]!r}") from None


def _port(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"expected a number, found {type(value).__name__}")
    if not 0 <= value <= 65_535:
        raise ValueError(f"{value} is not within 0 to 65535")
    return value


def _path(value: object) -> Path:
    path = Path(_text(value))
    if not path.is_absolute():
        raise ValueError(f"not an absolute path: {str(path)[:80]!r}")
    return path


def _socket(value: object) -> Path:
    path = _path(value)
    if len(str(path).encode()) > 107:  # sun_path of unix(7)
        raise ValueError("longer than the 107 bytes a Unix socket's path may have")
    return path


def _nameserver(value: object) -> str:
    """`127.0.0.1`, `127.0.0.1:5302`, `::1` or `[::1]:5302`."""
    return str(nameservers.parse(_text(value)))


def _zone(value: object) -> str:
    return catalogue.choose(_text(value)).name


def _group(value: object) -> str:
    text = _text(value)
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}", text):
        raise ValueError(f"not a group's name: {text[:80]!r}")
    return text


def _each(check: Callable[[object], object], *, least: int) -> Callable[[object], object]:
    def checked(value: object) -> object:
        if not isinstance(value, list):
            raise TypeError(f"expected a list, found {type(value).__name__}")
        if not least <= len(value) <= LIST_ENTRIES_MAX:
            raise ValueError(f"{len(value)} entries, not within {least} to {LIST_ENTRIES_MAX}")
        return tuple(dict.fromkeys(check(entry) for entry in value))

    return checked


def _toml(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_toml(item) for item in value)}]"
    return str(value) if isinstance(value, int) else f'"{value}"'


KEYS: Mapping[str, tuple[str, Callable[[object], object]]] = {
    "fleet": ("fleet", _fleet),
    "names": ("names", _each(_name, least=1)),
    "state": ("state", _path),
    "socket": ("socket", _socket),
    "socket_group": ("socket_group", _group),
    "listen.address": ("listen_address", _address),
    "listen.https": ("https_port", _port),
    "listen.enrolment": ("enrolment_port", _port),
    "listen.fleet": ("fleet_port", _port),
    "dns.nameservers": ("nameservers", _each(_nameserver, least=0)),
    "dns.zones": ("zones", _each(_zone, least=1)),
    "notify.channels": ("channels", config_notify.channels),
    "notify.routes": ("routes", config_notify.routes),
}
# Not a line each.
TOLD = ("notify.channels", "notify.routes")
REQUIRED = ("fleet", "names")
SECTIONS = frozenset(name.partition(".")[0] for name in KEYS if "." in name)
