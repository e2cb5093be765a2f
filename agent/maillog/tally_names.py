"""Which row of the table a line belongs to: receiver and instance, both bounded. Pure.

A receiver or an instance without a row when the table is full is `other` to the end of the epoch,
so that no total ever moves.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import TypeVar

from agent.maillog.lines import is_nearby
from agent.model import CellKey
from deliverability import receivers

# Rows of `local`, `unknown` and `other` not counted. Known providers always find one.
RECEIVERS_MAX = 32
STRANGERS_MAX = RECEIVERS_MAX - len(receivers.KNOWN)
INSTANCES_MAX = 8
INSTANCE_CHARACTERS_MAX = 64
NAMES_REMEMBERED_MAX = 1024
HOST_BYTES_MAX = 253  # RFC 1035, 3.1; what is longer is nobody's name
SHORTCUTS_MAX = 4096

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

_AT_HOME = frozenset((b"local", b"virtual", b"discard"))


def remember(table: dict[_Key, _Value], key: _Key, *, value: _Value) -> None:
    """In a table of shortcuts: forgetting them costs time alone."""
    if len(table) >= SHORTCUTS_MAX:
        table.clear()
    table[key] = value


class Names:
    """`keys`: the rows there are. `pipes_out`: relay names of pipes that leave the machine."""

    def __init__(self, keys: Iterable[CellKey], *, pipes_out: frozenset[bytes]) -> None:
        known = list(keys)
        self._pipes_out = pipes_out
        self._strangers = {key.receiver for key in known} - receivers.RESERVED - receivers.KNOWN
        self._by_name: dict[bytes, str] = {}
        self._instances = {key.instance for key in known} - {receivers.OTHER}

    def instance(self, name: bytes) -> str:
        known = self._by_name.get(name)
        if known is None:
            known = self._instance(name)
            if len(name) <= INSTANCE_CHARACTERS_MAX:
                if len(self._by_name) >= NAMES_REMEMBERED_MAX:
                    self._by_name.clear()
                self._by_name[name] = known
        return known

    def _instance(self, name: bytes) -> str:
        text = name.decode("ascii", "replace")[:INSTANCE_CHARACTERS_MAX]
        text = text if text.isprintable() else receivers.OTHER
        if text not in self._instances:
            if len(self._instances) >= INSTANCES_MAX - 1:
                return receivers.OTHER
            self._instances.add(text)
        return text

    def receiver(self, name: str) -> str:
        if name in receivers.RESERVED or name in receivers.KNOWN:
            return name
        if name not in self._strangers:
            if len(self._strangers) >= STRANGERS_MAX:
                return receivers.OTHER
            self._strangers.add(name)
        return name

    def by_relay(self, daemon: bytes, *, relay: bytes) -> str:
        """Empty: the recipient's domain decides."""
        if daemon in _AT_HOME:
            return receivers.LOCAL
        if daemon == b"pipe":
            return "" if relay in self._pipes_out else receivers.LOCAL
        # `host[ip]:port`, `none`, `host[/a/socket]`
        if is_nearby(relay):
            return receivers.LOCAL
        host = relay.partition(b"[")[0]
        return _of_relay(host) if len(host) <= HOST_BYTES_MAX else ""


def by_domain(recipient: bytes) -> str:
    _, at, domain = recipient.rpartition(b"@")
    is_name = at and len(domain) <= HOST_BYTES_MAX
    return _of_domain(domain) if is_name else receivers.UNKNOWN


@lru_cache(maxsize=NAMES_REMEMBERED_MAX)
def _of_relay(host: bytes) -> str:
    """Empty: it is nobody's name."""
    name = receivers.receiver_of(relay_host=host.decode("ascii", "replace"), recipient_domain="")
    return "" if name == receivers.UNKNOWN else name


@lru_cache(maxsize=NAMES_REMEMBERED_MAX)
def _of_domain(domain: bytes) -> str:
    return receivers.receiver_of(relay_host="", recipient_domain=domain.decode("ascii", "replace"))
