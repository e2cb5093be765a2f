"""DNS messages as bytes: one question out, one judged reply in. Owns no socket.

The question is built from a fixed header, so that asking costs little. What comes back is read here
only where it has the one plain shape nearly every answer has; whatever differs, dnspython reads.
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
_TYPE_TXT_CLASS_IN = b"\x00\x10\x00\x01"
# An A record of the name that was asked: the name by pointer, type, class; then TTL, length, data.
_PLAIN_A = b"\xc0\x0c" + _TYPE_A_CLASS_IN
_PLAIN_A_BYTES = 16
_TYPE_SOA, _SOA_BYTES_MIN = 6, 22
_RECORD = struct.Struct("!HHIH")
_TTL_MAX = 2**31 - 1  # above it a TTL is 0 (RFC 2181 section 8)
_TEXT_PARTS_MAX = 8
_RECURSION_DESIRED = 0x0100
# Of the third byte: a response to a plain query (QR, OPCODE); cut short (TC). Of the fourth: RCODE.
_NO_ANSWER_MASK, _IS_RESPONSE, _TRUNCATED, _RCODE = 0xF8, 0x80, 0x02, 0x0F
# RFC 6891: root name, type OPT, our buffer size, version 0 and no flags, no options.
_EDNS = b"\x00" + struct.pack("!HHIH", 41, MESSAGE_BYTES_MAX, 0, 0)


@functools.lru_cache(maxsize=QUESTIONS_KEPT_MAX)
def question(name: QueryName) -> bytes:
    """The question section for A. ValueError, without the name in it, when it is no domain name."""
    return _wire(name) + _TYPE_A_CLASS_IN


def question_text(name: QueryName) -> bytes:
    """The same for TXT."""
    return _wire(name) + _TYPE_TXT_CLASS_IN


def _wire(name: QueryName) -> bytes:
    try:
        return dns.name.from_text(name.reveal()).to_digestable()
    except dns.exception.DNSException:
        raise ValueError("not a domain name") from None


def encode(identity: int, asked: bytes) -> bytes:
    """A whole recursive query with EDNS0."""
    return _HEADER.pack(identity, _RECURSION_DESIRED, 1, 0, 0, 1) + asked + _EDNS


def identity(message: bytes) -> int | None:
    """The id of a response; None for what is no response."""
    if len(message) < _HEADER.size or message[2] & _NO_ANSWER_MASK != _IS_RESPONSE:
        return None
    return message[0] << 8 | message[1]


def echoes(message: bytes, *, asked: bytes) -> bool:
    """Whether it repeats exactly our question (names are compared without case, RFC 4343)."""
    if message[4:6] != b"\x00\x01":
        return False
    section = message[_HEADER.size : _HEADER.size + len(asked)]
    return section == asked or section.lower() == asked.lower()


def is_truncated(message: bytes) -> bool:
    return bool(message[2] & _TRUNCATED)


def decode(message: bytes) -> Reply:
    """The reply in a response that echoes our A question. Never raises for what a peer may send."""
    rcode, answers = message[3] & _RCODE, message[6] << 8 | message[7]
    if rcode == NXDOMAIN and not answers:
        return Reply(is_nxdomain=True, ttl_seconds=_negative_ttl(message))
    if rcode not in (NOERROR, NXDOMAIN):
        return Reply(problem=RCODES.get(rcode, f"rcode {rcode}"))
    plain = _plain(message, answers) if rcode == NOERROR else None
    return plain if plain is not None else _chained(message)


def decode_text(message: bytes) -> Reply:
    """The text of the TXT records in a response that echoes our TXT question, as it came."""
    try:
        chain = _parsed(message).resolve_chaining()
    except (dns.exception.DNSException, ValueError):
        return Reply(problem="malformed answer")
    parts = [part for record in chain.answer or () for part in getattr(record, "strings", ())]
    return Reply(text=b"".join(parts[:_TEXT_PARTS_MAX]).decode("utf-8", "replace"))


def _plain(message: bytes, count: int) -> Reply | None:
    """Of nothing but A records of the very name; None for any other shape."""
    at = _after_question(message)
    end = at + count * _PLAIN_A_BYTES
    if not 0 < count <= zones.ANSWERS_MAX or not _ends_at(message, end):
        return None
    found, ttl = [], _TTL_MAX
    for start in range(at, end, _PLAIN_A_BYTES):
        record = message[start : start + _PLAIN_A_BYTES]
        if not record.startswith(_PLAIN_A) or record[10:12] != b"\x00\x04":
            return None
        ttl = min(ttl, _ttl(int.from_bytes(record[6:10], "big")))
        found.append(".".join(map(str, record[12:])))
    return zones.answer(found, ttl_seconds=ttl)


def _ends_at(message: bytes, end: int) -> bool:
    """Nothing follows there, or EDNS0's one record (RFC 6891 section 6.1.2), whole."""
    authorities, others = struct.unpack_from("!HH", message, 8)
    rest = message[end:]
    if authorities or end > len(message):
        return False
    if not others:
        return not rest
    is_edns = rest[:3] == b"\x00\x00\x29" and len(rest) >= len(_EDNS)
    return others == 1 and is_edns and len(rest) == len(_EDNS) + int.from_bytes(rest[9:11], "big")


def _chained(message: bytes) -> Reply:
    """CNAME chains (RFC 1034 section 3.6.2), strange sections: dnspython's, with its bounds."""
    try:
        parsed = _parsed(message)
        chain = parsed.resolve_chaining()
    except dns.message.AnswerForNXDOMAIN:
        return Reply(problem="NXDOMAIN together with addresses")
    except (dns.exception.DNSException, ValueError):
        return Reply(problem="malformed answer")
    if parsed.rcode() == NXDOMAIN:
        return Reply(is_nxdomain=True)
    texts = (record.to_text() for record in chain.answer or ())
    return zones.answer(texts, ttl_seconds=_ttl(chain.minimum_ttl))


def _parsed(message: bytes) -> dns.message.QueryMessage:
    parsed = dns.message.from_wire(message, ignore_trailing=True)
    assert isinstance(parsed, dns.message.QueryMessage), "what echoes a question is a query's"
    return parsed


def _negative_ttl(message: bytes) -> int:
    """How long there is no such name: the smaller of the SOA's TTL and its last field (RFC 2308
    section 5); 0 where no SOA says so."""
    (authorities,) = struct.unpack_from("!H", message, 8)
    at = _after_name(message, _after_question(message))
    if not authorities or at + _RECORD.size > len(message):
        return 0
    kind, _, ttl, size = _RECORD.unpack_from(message, at)
    end = at + _RECORD.size + size
    if kind != _TYPE_SOA or size < _SOA_BYTES_MIN or end > len(message):
        return 0
    return min(_ttl(ttl), _ttl(int.from_bytes(message[end - 4 : end], "big")))


def _after_question(message: bytes) -> int:
    """Where the section ends that echoes ours: in no name that we ask is a label with a zero."""
    return message.find(b"\0", _HEADER.size) + 5


def _after_name(message: bytes, at: int) -> int:
    """Where a name that begins there ends, or the end of the message. A pointer ends a name (RFC
    1035 section 4.1.4) and is not followed: no loop can be made."""
    while at < len(message):
        length = message[at]
        if length >= 0xC0:
            return at + 2
        at += 1 + length
        if not length:
            return at
    return len(message)


def _ttl(seconds: int) -> int:
    return seconds if seconds <= _TTL_MAX else 0
