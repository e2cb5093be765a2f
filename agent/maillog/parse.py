"""A mail log's lines into events: one look at every line, all its facts, nothing guessed. No IO.

Bytes in, bytes out: only what is used is decoded, by whoever uses it. Nothing here raises on any
input. A line is `stamp tag: body`; the tag tells the program, and each program of Postfix has one
reader for its bodies. Shapes: the sources of Postfix 2.3 to 3.11.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from agent.maillog.lines import (
    Accepted,
    Delivery,
    Expiry,
    MailEvent,
    Moved,
    Parsed,
    Queued,
    Rejected,
    Reload,
    Removed,
    Trouble,
    event_of,
    host_of,
)
from agent.maillog.parse_bulk import Form, read_bulk, removed_of
from agent.maillog.parse_found import LINE_BYTES_MAX, Found, Tag
from agent.maillog.parse_tags import TAG_BYTES_MAX, TAGS_REMEMBERED_MAX, instances, tag_of
from agent.maillog.times import PRIORITY

__all__ = [
    "LINE_BYTES_MAX",
    "Accepted",
    "Delivery",
    "Expiry",
    "MailEvent",
    "Moved",
    "Parsed",
    "Queued",
    "Rejected",
    "Reload",
    "Removed",
    "Trouble",
    "count_lines",
    "count_overlong",
    "hosts",
    "parse_chunk",
    "parse_counted",
    "parse_line",
    "plain",
    "writer_of",
]

STAMP_BYTES_MAX = 200
BULK_BYTES_MIN = 4096  # fewer are read sooner line by line
LINES_TRIED_MAX = 20
HOSTS_NOTICED_MAX = 4096

_TAG_END = b": "
_NOT_PLAIN = (b"\0", b"<")
# RFC 5424: <PRI>1 TIME HOST APP-NAME PROCID MSGID STRUCTURED-DATA MSG
_RFC5424 = re.compile(
    rb"<\d{1,3}>1 (\S+ \S+) ([^\s\[:]+)(?:\[(\d+)\])? (\d+|-) \S+ "
    rb"(?:-|(?:\[(?:[^\]\"\n]|\"(?:[^\"\\\n]|\\.)*\")*\])+) (?:\xef\xbb\xbf)?"
)
# metalog(8): no host, no process, and the tag in brackets.
_METALOG = re.compile(rb"([^\n]{15} )\[([^\s\[\]]+/[^\s\[\]]+)\] ")


class _Head(NamedTuple):
    """What stands before a line's body: where its tag and its host begin."""

    tag: Tag
    tag_start: int
    host_at: int


class _Tags(dict[bytes, Tag]):
    """What was understood of host and tag, by their bytes: nearly every line has the host and tag
    of one shortly before it. Bounded; forgetting it costs time alone. `blank_at`: where the last
    new one had the blank before its host.
    """

    blank_at = 0


_tags = _Tags()
# Hosts that Postfix's lines named so far, by the word before the tag: noticed where a tag is new,
# so that it costs nothing.
hosts: dict[bytes, bytes] = {}


def parse_line(line: bytes) -> MailEvent | None:
    """The event of one line (without its newline); None for all the lines that have none."""
    events = parse_chunk(line.replace(b"\n", b" ") + b"\n").events
    return event_of(events[0]) if events else None


def parse_chunk(chunk: bytes) -> Parsed:
    """The facts of whole lines. What stands after the last newline is read as a line too."""
    return _parse(chunk, is_exact=True)


def parse_counted(chunk: bytes) -> Parsed:
    """The same, sooner, but that not all lines of other programs are counted."""
    return _parse(chunk, is_exact=False)


def _parse(chunk: bytes, *, is_exact: bool) -> Parsed:
    if b"\r" in chunk:
        chunk = chunk.replace(b"\r\n", b"\n")
    is_plain = len(chunk) >= BULK_BYTES_MIN and chunk.endswith(b"\n") and not count_overlong(chunk)
    form = _form_of(chunk) if is_plain else None
    if form is not None:
        found = Found()
        read_line = partial(_read_line, found)
        if read_bulk(found, chunk, form=form, read_line=read_line, is_exact=is_exact):
            return found.parsed(_Removed(found.removed, chunk, form))
    found = Found()
    for line in chunk.split(b"\n"):
        if len(line) <= LINE_BYTES_MAX:
            _read_line(found, line)
    return found.parsed(found.removed)


@dataclass(frozen=True, slots=True)
class _Removed:
    """Found when it is asked for: most chunks of a log leave no recipient open."""

    found: list[tuple[bytes, bytes]]
    chunk: bytes
    form: Form

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        yield from self.found
        yield from removed_of(self.chunk, self.form)


def _read_line(found: Found, line: bytes) -> None:
    """A tag ends with the first colon before a blank, whatever program wrote it: what stands
    further on may come from anybody.
    """
    tag_end = line.find(_TAG_END) - 1
    is_usual = line[max(tag_end, 0) : tag_end + 1] == b"]" and line[:1] not in _NOT_PLAIN
    tag = _tags.get(line[_tags.blank_at : tag_end]) if is_usual else None
    if tag is None:
        _read_new(found, line)
    else:
        tag.reader(found, line, tag=tag, body=tag_end + 3)


def _form_of(chunk: bytes) -> Form | None:
    """How the lines of this log begin, by the first that is Postfix's."""
    for line in chunk.split(b"\n", LINES_TRIED_MAX)[:LINES_TRIED_MAX]:
        head = _head_of(line)
        if head is not None and head.tag.instance and line[:1] not in _NOT_PLAIN:
            host = line[head.host_at : max(head.tag_start - 1, 0)]
            _notice(line, head)
            return Form.of(line[: head.host_at], host=host, instances=instances)
    return None


def writer_of(line: bytes) -> tuple[bytes, bytes]:
    """syslog_name and host of a line; both empty where it is not Postfix's."""
    if line[:1] in _NOT_PLAIN:
        line = plain(line)
    head = _head_of(line)
    if head is None or not head.tag.instance:
        return b"", b""
    return head.tag.instance, host_of(line[: head.tag_start])


def count_lines(chunk: bytes) -> int:
    """Its newlines: taken out and measured, for bytes.count takes twice the time."""
    return len(chunk) - len(chunk.replace(b"\n", b""))


def count_overlong(chunk: bytes) -> int:
    """Lines over LINE_BYTES_MAX: nobody's delivery. One covers a whole aligned block of half of it,
    so that most chunks are told quickly.
    """
    half = LINE_BYTES_MAX // 2
    for start in range(0, len(chunk), half):
        if chunk.find(b"\n", start, start + half) < 0:
            return sum(len(line) > LINE_BYTES_MAX for line in chunk.split(b"\n"))
    return 0


def _read_new(found: Found, line: bytes) -> None:
    """Reads a line whose host and tag are not remembered, and remembers them."""
    if line[:1] in _NOT_PLAIN:
        line = plain(line)
    head = _head_of(line)
    if head is None and line[16:17] == b"[" and (other := _METALOG.match(line)):
        line = b"%b%b: %b" % (*other.groups(), line[other.end() :])
        head = _head_of(line)
    if head is None:
        found.foreign += not line.isspace() and line != b""
        return
    tag_end = head.tag_start + head.tag.back - 3
    if head.tag.instance:
        _notice(line, head)
    is_usual = line[tag_end : tag_end + 1] == b"]"
    if not is_usual or head.host_at == 0 or tag_end - head.host_at > TAG_BYTES_MAX:
        head.tag.reader(found, line, tag=head.tag, body=tag_end + 3)
        return
    if len(_tags) >= TAGS_REMEMBERED_MAX:
        _tags.clear()
    # With the blank before it: the end of a word is not a word.
    _tags.blank_at = head.host_at - 1
    _tags[line[_tags.blank_at : tag_end]] = head.tag
    head.tag.reader(found, line, tag=head.tag, body=tag_end + 3)


def _notice(line: bytes, head: _Head) -> None:
    word = line[head.host_at : head.tag_start]
    if word not in hosts and len(hosts) < HOSTS_NOTICED_MAX:
        hosts[word] = host_of(line[: head.tag_start])


def _head_of(line: bytes) -> _Head | None:
    """None: no tag with a process."""
    tag_end = line.find(_TAG_END) - 1
    if tag_end < 0:
        return None
    tag_start = line.rfind(b" ", 0, tag_end) + 1
    if tag_start > STAMP_BYTES_MAX:
        return None
    tag = tag_of(line[tag_start : tag_end + 1])
    if tag is None:
        return None
    return _Head(tag, tag_start, line.rfind(b" ", 0, max(tag_start - 1, 0)) + 1)


def plain(line: bytes) -> bytes:
    """The line as RFC 3164 would have it, without the zeroes a crash left before it and the
    priority that syslog(3) sends.
    """
    line = line.lstrip(b"\0")
    modern = _RFC5424.match(line)
    if modern is not None:
        time_and_host, name, process, other = modern.groups()
        process = process or other
        tag = name if process == b"-" else b"%b[%b]" % (name, process)
        return b"%b %b: %b" % (time_and_host, tag, line[modern.end() :])
    priority = PRIORITY.match(line)
    return line[priority.end() :] if priority else line
