"""What a refusal at the door says, taken apart: seldom asked for, so not done while reading. Pure.

smtpd(8) and postscreen(8) write the answer and then the envelope; cleanup(8), header_checks(5),
writes the envelope and then the answer.
"""

import re
from typing import NamedTuple

# Commas, blanks and > may stand in quotes.
MAILBOX = rb'[^">\n]*(?:"[^"\\\n]*(?:\\[^\n][^"\\\n]*)*"[^">\n]*)*'
_CODES = re.compile(rb"(?:(\d{3})(?=[ -]|\Z))?[ -]?(?:(\d\.\d{1,3}\.\d{1,3})(?= |\Z) ?)?")
_TO = re.compile(rb"[; ,]to=<(" + MAILBOX + rb")>")
_ANSWER = re.compile(rb"\bhelo=<[^>]*>: (.*)\Z|\bproto=\S+: (.*)\Z|\A(?:from=<[^>]*>)?: (.*)\Z")
_ENVELOPES = (b"; from=<", b"; to=<", b"; proto=", b"; helo=<")


class Refusal(NamedTuple):
    """`code` 550 and `dsn` 5.7.1, each empty where there is none; `recipient` is empty where nobody
    was named yet.
    """

    code: bytes
    dsn: bytes
    text: bytes
    recipient: bytes


def of_client(said: bytes) -> Refusal:
    """What stands behind the client's name."""
    places = [place for mark in _ENVELOPES if (place := said.rfind(mark)) >= 0]
    place = min(places, default=len(said))
    return _refusal(said[:place], envelope=said[place + 2 :])


def of_content(said: bytes) -> Refusal:
    found = _ANSWER.search(said)
    answer = next(filter(None, found.groups()), b"") if found else b""
    return _refusal(answer, envelope=said)


def _refusal(answer: bytes, *, envelope: bytes) -> Refusal:
    codes = _CODES.match(answer)
    code, dsn = codes.groups() if codes else (None, None)
    to = _TO.search(b" " + envelope)
    return Refusal(
        code=code or b"",
        dsn=dsn or b"",
        text=answer[codes.end() :] if codes else answer,
        recipient=to[1] if to else b"",
    )
