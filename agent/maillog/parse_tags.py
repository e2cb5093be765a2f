"""What a line's tag says: which program of Postfix wrote it, under which name, and who reads it.

A table of what was understood before; bounded, and forgetting it costs time alone.
"""

import re

from agent.maillog.parse_found import Found, Reader, Tag
from agent.maillog.parse_readers import READERS
from agent.maillog.parse_trouble import read_foreign, read_other

TAGS_REMEMBERED_MAX = 8192
INSTANCES_MAX = 8

_NAME = re.compile(rb"(?:([^\s\[]+)/)?([A-Za-z][\w.-]*)\[\d+\]")
# The instances whose lines are read in bulk; those of others are read line by line.
instances: dict[bytes, None] = {b"postfix": None}


def tag_of(name: bytes) -> Tag | None:
    """`name` is what stands before the colon; None: it names no process."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    instance, daemon = match.groups()
    back = len(name) + len(b": ")
    if instance is None or not (daemon in READERS or instance.startswith(b"postfix")):
        return Tag(read_foreign, b"", daemon, back)
    if len(instances) < INSTANCES_MAX:
        instances.setdefault(instance)
    return Tag(READERS.get(daemon, read_other), instance, daemon, back)


class Tags(dict[bytes, tuple[Reader, bytes, bytes, Tag]]):
    """By a tag with its colon: its reader, instance and daemon, taken out of it because a plain
    tuple is unpacked sooner. A tag that runs over a line's end is `read_nothing`'s.
    """

    def __missing__(self, name: bytes) -> tuple[Reader, bytes, bytes, Tag]:
        if len(self) >= TAGS_REMEMBERED_MAX:
            self.clear()
        tag = tag_of(name[:-1]) or _FOREIGN
        if b"\n" in name:
            tag = _NOTHING
        found = self[name] = (tag.reader, tag.instance, tag.daemon, tag)
        return found


def read_nothing(found: Found, line: bytes, *, tag: Tag, body: int) -> None:
    """Of what is no line; never called."""
    raise AssertionError(line)


_FOREIGN = Tag(read_foreign, b"", b"", 0)
_NOTHING = Tag(read_nothing, b"", b"", 0)
