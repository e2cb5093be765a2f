"""The helper's protocol: which verbs there are, and how requests and answers look on the socket.

Owns the datagrams of the Unix SOCK_SEQPACKET socket between agent and helper, both directions.
Decoding validates and refuses, it never repairs: a datagram is accepted only if encoding what was
understood gives the same bytes again. No verb takes a path, a command or free text. Nothing is
imported, because the helper pays for every import with memory; whatever else answers these verbs
(the demo's pretended Postfix) uses this file too.

A datagram is ASCII text: the line `mailfleet-helper 1 KIND`, then one line `field=value` for each
field of that kind, in the order of its table, each ended by a newline.
"""

# For annotations alone: importing typing would cost the helper more than all of its own code.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    Value = bool | int | str | tuple[str, ...] | None

PROTOCOL = 1
GREETING = f"mailfleet-helper {PROTOCOL} "

REQUEST_BYTES_MAX = 256
ANSWER_BYTES_MAX = 65536
# One datagram carries at most this many descriptors (Linux allows 253, SCM_MAX_FD).
DESCRIPTORS_MAX = 200
NAME_BYTES_MAX = 128
NAMES_MAX = 1024
TEXT_BYTES_MAX = 500
COUNT_MAX = 2**63 - 1

FLAG, COUNT, MAYBE_COUNT = "flag", "count", "maybe count"
NAME, NAMES, TEXT = "name", "names", "text"
Fields = dict[str, str]

# The verbs. None has a field yet: the helper knows by itself what a pause is.
REQUESTS: dict[str, Fields] = {"version": {}, "observe": {}, "pause": {}, "resume": {}, "queue": {}}

ANSWERS: dict[str, Fields] = {
    # The protocol spoken and the verbs known: an older helper names fewer.
    "version": {"protocol": COUNT, "verbs": NAMES},
    # Paused: our own mark stands in some main.cf, in force or not. Times are microseconds since
    # 1970; no qmgr_started_us: no queue manager runs.
    "observed": {
        "running": FLAG,
        "version": NAME,
        "outbound": NAMES,
        "deferred": NAMES,
        "paused": FLAG,
        "config_changed_us": COUNT,
        "qmgr_started_us": MAYBE_COUNT,
    },
    # To pause and resume: was the configuration written, was Postfix told to read it?
    "done": {"changed": FLAG, "reloaded": FLAG},
    # To queue: datagram `part` of `parts` (from 1); the descriptors come with it, in this order.
    "directories": {"part": COUNT, "parts": COUNT, "names": NAMES},
    # To any verb: what a person should know. Not retryable: a person must act first.
    "problem": {"retryable": FLAG, "text": TEXT},
}

# Postfix services and instances, versions, queue directories ("postfix:deferred/A").
NAME_CHARACTERS = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-@/:~"
)


class Refused(ValueError):
    """The bytes are no datagram of this protocol, or the values cannot become one."""


class Message:
    """One request or answer. Its values have the types its table names."""

    __slots__ = ("kind", "values")

    def __init__(self, kind: "str", values: "Mapping[str, Value] | None" = None) -> None:
        self.kind = kind
        self.values: Mapping[str, Value] = values or {}

    def flag(self, field: str) -> bool:
        value = self.values[field]
        assert isinstance(value, bool), (self.kind, field)
        return value

    def maybe_count(self, field: str) -> "int | None":
        value = self.values[field]
        assert value is None or isinstance(value, int), (self.kind, field)
        return value

    def count(self, field: str) -> int:
        value = self.maybe_count(field)
        assert value is not None, (self.kind, field)
        return value

    def text(self, field: str) -> str:
        value = self.values[field]
        assert isinstance(value, str), (self.kind, field)
        return value

    def names(self, field: str) -> "tuple[str, ...]":
        value = self.values[field]
        assert isinstance(value, tuple), (self.kind, field)
        return value


def encode_request(message: Message) -> bytes:
    """Raises Refused for values that have no place in this protocol."""
    return _encode(message, table=REQUESTS, limit=REQUEST_BYTES_MAX)


def decode_request(datagram: bytes) -> Message:
    """Raises Refused unless the datagram is exactly one request."""
    return _decode(datagram, table=REQUESTS, limit=REQUEST_BYTES_MAX)


def encode_answer(message: Message) -> bytes:
    """Raises Refused for values that have no place in this protocol."""
    return _encode(message, table=ANSWERS, limit=ANSWER_BYTES_MAX)


def decode_answer(datagram: bytes) -> Message:
    """Raises Refused unless the datagram is exactly one answer."""
    return _decode(datagram, table=ANSWERS, limit=ANSWER_BYTES_MAX)


def problem(text: str, *, retryable: bool) -> Message:
    """An answer for the operator. Foreign text is cut and made printable here, by its producer."""
    words = " ".join("".join(c if " " <= c <= "~" else " " for c in text).split())
    return Message("problem", {"retryable": retryable, "text": words[:TEXT_BYTES_MAX]})


def is_name(text: str) -> bool:
    """May it stand in a datagram as one name?"""
    return 0 < len(text) <= NAME_BYTES_MAX and NAME_CHARACTERS.issuperset(text)


def _encode(message: Message, *, table: "dict[str, Fields]", limit: int) -> bytes:
    fields = table.get(message.kind)
    if fields is None or message.values.keys() != fields.keys():
        raise Refused(f"{message.kind}: unknown, or not its fields")
    lines = [GREETING + message.kind]
    for field, form in fields.items():
        lines.append(f"{field}={_write(message.values[field], form)}")
    datagram = ("\n".join(lines) + "\n").encode("ascii")
    if len(datagram) > limit:
        raise Refused(f"{message.kind}: {len(datagram)} bytes, limit {limit}")
    return datagram


def _decode(datagram: bytes, *, table: "dict[str, Fields]", limit: int) -> Message:
    if len(datagram) > limit:
        raise Refused(f"more than {limit} bytes")
    if not datagram.isascii() or not datagram.endswith(b"\n"):
        raise Refused("not lines of ASCII text")
    head, *lines = datagram.decode("ascii")[:-1].split("\n")
    kind = head.removeprefix(GREETING)
    if not head.startswith(GREETING) or kind not in table:
        raise Refused("unknown greeting or kind")
    fields = table[kind]
    if len(lines) != len(fields):
        raise Refused(f"{kind}: {len(lines)} fields, not {len(fields)}")
    values: dict[str, Value] = {}
    for line, (field, form) in zip(lines, fields.items(), strict=True):
        name, equals, text = line.partition("=")
        if name != field or not equals:
            raise Refused(f"{kind}: expected {field}")
        values[field] = _read(text, form=form)
    message = Message(kind, values)
    if _encode(message, table=table, limit=limit) != datagram:
        raise Refused(f"{kind}: not the one way to write it")
    return message


def _write(value: "Value", form: str) -> str:
    if form == FLAG and isinstance(value, bool):
        return "yes" if value else "no"
    if form == MAYBE_COUNT and value is None:
        return ""
    if form in (COUNT, MAYBE_COUNT) and type(value) is int and 0 <= value <= COUNT_MAX:
        return str(value)
    if form == NAME and isinstance(value, str) and is_name(value):
        return value
    if form == NAMES and isinstance(value, tuple) and _are_names(value):
        return ",".join(value)
    if form == TEXT and isinstance(value, str) and _is_text(value):
        return value
    raise Refused(f"no {form}: {value!r:.100}")


def _are_names(names: tuple[str, ...]) -> bool:
    return len(names) <= NAMES_MAX and all(is_name(name) for name in names)


def _is_text(text: str) -> bool:
    return len(text) <= TEXT_BYTES_MAX and all(" " <= character <= "~" for character in text)


def _read(text: str, *, form: str) -> "Value":
    """A first reading; that it is the only way to write the value is checked by writing it."""
    if form == FLAG:
        return text == "yes"
    if form in (COUNT, MAYBE_COUNT):
        if not text and form == MAYBE_COUNT:
            return None
        if not text.isdigit() or len(text) > len(str(COUNT_MAX)):
            raise Refused(f"no {form}: {text!r:.100}")
        return int(text)
    if form == NAMES:
        return tuple(text.split(",")) if text else ()
    return text
