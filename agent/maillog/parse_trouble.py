"""Complaints of Postfix's daemons, and all that no other reader wants: known, or unknown.

The levels are msg_warn(3)'s and its kin's; msg_info(3) writes no word.
"""

import re

from agent.maillog.lines import Trouble
from agent.maillog.parse_found import Found, Tag
from agent.maillog.parse_known import is_known

_LEVELS = (b"warning: ", b"error: ", b"fatal: ", b"panic: ")
# What syslogd of Solaris writes before each body: log(4D), log.conf msgid=1.
_MESSAGE_ID = re.compile(rb"(?:\[ID \d{1,10} \w+\.\w+\] )+")


def read_foreign(found: Found, line: bytes, *, tag: Tag, body: int) -> None:
    """A line of another program."""
    found.foreign += 1


def read_other(found: Found, line: bytes, *, tag: Tag, body: int) -> None:
    """A line whose only fact can be a complaint. (With a queue id before the word it is a header
    check's warning about a message.)
    """
    if line.startswith(_LEVELS, body):
        level, _, text = line[body:].partition(b": ")
        stamp = line[: body - tag.back]
        found.events.append(Trouble(stamp, tag.instance, tag.daemon, level, text))
    elif line.startswith(b"[ID ", body) and (before := _MESSAGE_ID.match(line, body)):
        tag.reader(found, line[:body] + line[before.end() :], tag=tag, body=body)
    elif not is_known(line, daemon=tag.daemon, body=body):
        found.add_unknown(line, daemon=tag.daemon)
