"""What a line's tag says: which program of Postfix wrote it, under which name, and who reads it."""

import re

from agent.maillog.parse_found import Tag
from agent.maillog.parse_readers import READERS
from agent.maillog.parse_trouble import read_foreign, read_other

TAGS_REMEMBERED_MAX = 8192
TAG_BYTES_MAX = 128  # of a host and a tag that are remembered; DNS and Postfix have no longer ones
INSTANCES_MAX = 8

# Without a process only where no other program would be so called: some writers of logs leave it
# out, Postfix does not.
_NAME = re.compile(rb"(?:([^\s\[]+)/)?([A-Za-z][\w.-]*)(\[\d{1,20}\])?")
# The instances whose lines are read in bulk; those of others are read line by line.
instances: dict[bytes, None] = {b"postfix": None}


def tag_of(name: bytes) -> Tag | None:
    """`name` is what stands before the colon; None: it names no process."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    instance, daemon, process = match.groups()
    if process is None and (instance is None or daemon not in READERS):
        return None
    back = len(name) + len(b": ")
    if instance is None or not (daemon in READERS or instance.startswith(b"postfix")):
        return Tag(read_foreign, b"", daemon, back)
    if len(instances) < INSTANCES_MAX and len(instance) <= TAG_BYTES_MAX:
        instances.setdefault(instance)
    return Tag(READERS.get(daemon, read_other), instance, daemon, back)
