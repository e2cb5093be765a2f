"""The agent's configuration: every key, its default and its bounds. Reads one TOML file.

Everything wrong with the file is said at once, each with file and key. What an operator changes
weekly is the collector's Policy, not here; what is secret comes from a credential, not from here.
"""

import ipaddress
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.membership import CollectorPlace
from deliverability import catalogue, nameservers
from deliverability.catalogue import CATALOGUE
from deliverability.nameservers import Nameserver
from deliverability.zones import Zone, ZoneKey, ZoneKeys
from deliverability.zones_query import CREDENTIALS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PATH_DEFAULT = Path("/etc/mailfleet/agent.toml")
RESOLV_CONF = Path("/etc/resolv.conf")
FILE_BYTES_MAX = 1_048_576
JOURNAL = "journal"
LOG_ENTRIES_MAX = 16
LIST_ENTRIES_MAX = 64


class ConfigError(Exception):
    """The configuration cannot be used; `problems` are all there are, one a line."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentConfig:
    """Where everything is. What is empty the machine itself is asked for."""

    collector_host: str
    collector_name: str = ""
    enrolment_port: int = 7441
    fleet_port: int = 7442
    https_port: int = 7440
    # What this node is called; empty: the machine's own name.
    hostname: str = ""
    state: Path = Path("/var/lib/mailfleet/agent")
    machine_id: Path = Path("/etc/machine-id")
    addresses: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    # Paths, patterns, or JOURNAL alone. Empty: /var/log/mail.log, or the journal where it is not.
    log: tuple[str, ...] = ()
    queue: Path = Path("/var/spool/postfix")
    helper: Path = Path("/run/mailfleet/helper.sock")
    nameservers: tuple[Nameserver, ...] = ()
    # Only these, or none at all; None: those the collector hands out.
    zones: tuple[str, ...] | None = None

    @property
    def collector(self) -> CollectorPlace:
        return CollectorPlace(
            host=self.collector_host,
            name=self.collector_name,
            enrolment_port=self.enrolment_port,
            fleet_port=self.fleet_port,
            https_port=self.https_port,
        )

    @property
    def state_file(self) -> Path:
        return self.state / "state.db"


def place(environ: Mapping[str, str] = os.environ) -> Path:
    """The file to read: `MAILFLEET_CONFIG`, else /etc/mailfleet/agent.toml."""
    return Path(environ.get("MAILFLEET_CONFIG") or PATH_DEFAULT)


def load(path: Path, *, collector: str | None = None) -> AgentConfig:
    """Read and check the file. `collector`, when given, stands before the file's own host, and
    the file may then be missing. ConfigError names every problem."""
    try:
        with path.open("rb") as file:
            text = file.read(FILE_BYTES_MAX).decode("utf-8")
        tree = tomllib.loads(text)
    except FileNotFoundError as error:
        if collector is None:
            raise ConfigError([f"{path}: no such file"]) from error
        tree = {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError([f"{path}: {error}"]) from error
    return parse(tree, origin=str(path), collector=collector)


def parse(tree: Mapping[str, object], *, origin: str, collector: str | None = None) -> AgentConfig:
    """The configuration in a parsed TOML document; `origin` names the file in errors."""
    problems: list[str] = []
    values: dict[str, object] = {}
    for name, value in _leaves(tree, problems, origin=origin):
        if name not in KEYS:
            problems.append(f"{origin}: {name}: unknown key")
            continue
        field, check = KEYS[name]
        try:
            values[field] = check(value)
        except (TypeError, ValueError) as error:
            problems.append(f"{origin}: {name}: {error}")
    if collector is not None:
        values["collector_host"] = collector
    if "collector_host" not in values and not any("collector.host" in p for p in problems):
        problems.append(f"{origin}: collector.host: missing")
    if problems:
        raise ConfigError(problems)
    return AgentConfig(**values)  # type: ignore[arg-type]  # each field passed its own check


def zone_keys(environ: Mapping[str, str] = os.environ) -> ZoneKeys:
    """The operators' keys, each from its systemd credential (`dqs_key`: Spamhaus) or from the
    environment (`MAILFLEET_DQS_KEY`). ConfigError, which repeats none, for one that is none."""
    folder = environ.get("CREDENTIALS_DIRECTORY", "")
    keys, problems = [], []
    for name, operator in CREDENTIALS.items():
        path = Path(folder) / name
        try:
            secret = path.read_text().strip() if folder and path.is_file() else ""
            secret = secret or environ.get(f"MAILFLEET_{name.upper()}", "").strip()
            if secret:
                keys.append(ZoneKey(secret, operator=operator))
        except (OSError, ValueError) as error:
            problems.append(f"{name}: {error}")
    if problems:
        raise ConfigError(problems)
    return ZoneKeys(*keys)


def nameservers_of(settings: AgentConfig) -> tuple[Nameserver, ...]:
    """The configured ones, else those of resolv.conf(5)."""
    if settings.nameservers:
        return settings.nameservers
    try:
        with RESOLV_CONF.open("r", encoding="ascii", errors="replace") as file:
            return nameservers.parse_resolv_conf(file.read(65_536))
    except OSError:
        return nameservers.parse_resolv_conf("")


def zones_of(settings: AgentConfig) -> tuple[Zone, ...]:
    """Without the collector's word: those configured, else ours."""
    if settings.zones is None:
        return CATALOGUE.enabled()
    return tuple(CATALOGUE[name] for name in settings.zones)


def _leaves(
    tree: Mapping[str, object], problems: list[str], *, origin: str
) -> list[tuple[str, object]]:
    leaves: list[tuple[str, object]] = []
    for section, content in tree.items():
        if section not in SECTIONS:
            problems.append(f"{origin}: {section}: unknown key")
        elif not isinstance(content, dict):
            problems.append(f"{origin}: {section}: expected a table [{section}]")
        else:
            leaves += [(f"{section}.{key}", value) for key, value in content.items()]
    return leaves


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, found {type(value).__name__}")
    return value


def _host(value: object) -> str:
    text = _text(value)
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        if not re.fullmatch(r"(?!-)[A-Za-z0-9.-]{1,253}(?<![-.])", text):
            raise ValueError(f"not a host name or IP address: {text[:80]!r}") from None
    return text


def _port(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"expected a number, found {type(value).__name__}")
    if not 1 <= value <= 65_535:
        raise ValueError(f"{value} is not within 1 to 65535")
    return value


def _path(value: object) -> Path:
    path = Path(_text(value))
    if not path.is_absolute() or "\0" in str(path):
        raise ValueError(f"not an absolute path: {str(path)[:80]!r}")
    return path


def _log(value: object) -> tuple[str, ...]:
    """One place or several: absolute paths, patterns of such (glob(7)), or the journal alone."""
    entries = value if isinstance(value, list) else [value]
    if entries == [JOURNAL]:
        return (JOURNAL,)
    if not 1 <= len(entries) <= LOG_ENTRIES_MAX:
        raise ValueError(f"{len(entries)} logs, not within 1 to {LOG_ENTRIES_MAX}")
    if JOURNAL in entries:
        raise ValueError("the journal holds what the files hold: name it alone")
    return tuple(dict.fromkeys(str(_path(entry)) for entry in entries))


def _address(value: object) -> str:
    try:
        return str(ipaddress.ip_address(_text(value)))
    except ValueError:
        raise ValueError(f"not an IP address: {str(value)[:80]!r}") from None


def _nameserver(value: object) -> Nameserver:
    return nameservers.parse(_text(value))


def _zone(value: object) -> str:
    return catalogue.choose(_text(value)).name


def _unit(value: object) -> str:
    text = _text(value)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9:_.@-]{0,127}", text):
        raise ValueError(f"not a unit's name: {text[:80]!r}")
    return text


def _each(check: Callable[[object], object], *, least: int = 0) -> Callable[[object], object]:
    def checked(value: object) -> object:
        if not isinstance(value, list):
            raise TypeError(f"expected a list, found {type(value).__name__}")
        if not least <= len(value) <= LIST_ENTRIES_MAX:
            raise ValueError(f"{len(value)} entries, not within {least} to {LIST_ENTRIES_MAX}")
        entries = tuple(check(entry) for entry in value)
        if len(set(entries)) != len(entries):
            raise ValueError("the same entry twice")
        return entries

    return checked


KEYS: Mapping[str, tuple[str, Callable[[object], object]]] = {
    "collector.host": ("collector_host", _host),
    "collector.name": ("collector_name", _host),
    "collector.enrolment_port": ("enrolment_port", _port),
    "collector.fleet_port": ("fleet_port", _port),
    "collector.https_port": ("https_port", _port),
    "node.hostname": ("hostname", _host),
    "node.state": ("state", _path),
    "node.machine_id": ("machine_id", _path),
    "node.addresses": ("addresses", _each(_address, least=1)),
    "node.services": ("services", _each(_unit)),
    "postfix.log": ("log", _log),
    "postfix.queue": ("queue", _path),
    "postfix.helper": ("helper", _path),
    "dns.nameservers": ("nameservers", _each(_nameserver, least=1)),
    "dns.zones": ("zones", _each(_zone)),
}
SECTIONS = frozenset(name.partition(".")[0] for name in KEYS)
