"""Whose mail a log tells of: this machine's names, its addresses, and the ways out of it. A value.

Postfix logs no source address. Mail of an instance (syslog_name) that one address alone sends is
that address's; all else is `address`'s, which is none on a node that has several.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Own = Callable[[], frozenset[bytes]]


def nobody() -> frozenset[bytes]:
    """Of a log whose machine is not known: all of its lines count."""
    return frozenset()


@dataclass(frozen=True, slots=True)
class Whose:
    """`pipes_out`: relay names of pipes that leave the machine. `own`: what it is called; another's
    lines in its log are none of its mail."""

    address: str
    pipes_out: frozenset[bytes] = frozenset()
    own: Own = nobody
    by_instance: Mapping[bytes, str] = field(default_factory=dict)

    def address_of(self, instance: bytes) -> str:
        return self.by_instance.get(instance, self.address)
