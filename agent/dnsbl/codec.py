"""DNS messages as bytes: one A question out, one judged reply in. Owns no socket.

The question is built from a fixed header, so that asking costs little; what comes back from the
world and holds records is read by dnspython alone.
"""

import functools
import struct

import dns.exception
import dns.message
import dns.name

from deliverability import zones
from deliverability.zones import QueryName, Reply

NOERROR, NXDOMAIN = 0, 3
RCODES = {1: "FORMERR", 2: "SERVFAIL", 4: "NOTIMP", 5: "REFUSED"}
QUESTIONS_KEPT_MAX = 512  # every round asks the same names: 60 zones, a few addresses
MESSAGE_BYTES_MAX = 1232  # fits any path unfragmented (DNS flag day 2020)

_HEADER = struct.Struct("!HHHHHH")
_TYPE_A_CLASS_IN = b"\x00\x01\x00\x01"
_RECURSION_DESIRED = 0x0100
_IS_RESPONSE, _OPCODE, _TRUNCATED, _RCODE = 0x8000, 0x7800, 0x0200, 0x000F
# RFC 6891: root name, type OPT, our buffer size, version 0 and no flags, no options.
_EDNS = b"\x00" + struct.pack("!HHIH", 41, MESSAGE_BYTES_MAX, 0, 0)


@functools.lru_cache(maxsize=QUESTIONS_KEPT_MAX)
def question(name: QueryName) -> bytes:
    """The question section. ValueError, without the name in it, when it is no domain name."""
    try:
        wire = dns.name.from_text(name.reveal()).to_digestable()
    except dns.exception.DNSException:
        raise ValueError("not a domain name") from None
    return wire + _TYPE_A_CLASS_IN


def encode(identity: int, asked: bytes) -> bytes:
    """A whole recursive query with EDNS0."""
    return _HEADER.pack(identity, _RECURSION_DESIRED, 1, 0, 0, 1) + asked + _EDNS


def identity(message: bytes) -> int | None:
    """The id of a response; None for what is no response."""
    if len(message) < _HEADER.size:
        return None
    number, flags, *_ = _HEADER.unpack_from(message)
    return number if flags & _IS_RESPONSE and not flags & _OPCODE else None


def echoes(message: bytes, *, asked: bytes) -> bool:
    """Whether it repeats exactly our question (names are compared without case, RFC 4343)."""
    _, _, questions, *_ = _HEADER.unpack_from(message)
    section = message[_HEADER.size : _HEADER.size + len(asked)]
    return questions == 1 and section.lower() == asked.lower()


def is_truncated(message: bytes) -> bool:
    return bool(_HEADER.unpack_from(message)[1] & _TRUNCATED)


def decode(message: bytes) -> Reply:
    """The reply in a response that echoes our question. Never raises for what a peer may send."""
    rcode = _HEADER.unpack_from(message)[1] & _RCODE
    if rcode == NXDOMAIN:
        return Reply(is_nxdomain=True)
    if rcode != NOERROR:
        return Reply(problem=RCODES.get(rcode, f"rcode {rcode}"))
    try:
        parsed = dns.message.from_wire(message, ignore_trailing=True)
        assert isinstance(parsed, dns.message.QueryMessage), "what echoes a question is a query's"
        found = parsed.resolve_chaining().answer
    except (dns.exception.DNSException, ValueError):
        return Reply(problem="malformed answer")
    return zones.answer(record.to_text() for record in found or ())
