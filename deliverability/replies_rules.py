"""The rules that read a reply: which row of `replies.tsv` it fits. Pure; keeps no text.

A row: the receiver it is about (`*`: any), a condition on the code, words, the class. The words
are looked for as whole words, in lower case and without punctuation; `a * b` is a and later b,
`a | b` is either. Words and code must both fit, an empty one always does. **The first row that
fits decides**: a receiver's own rows stand before the general ones, and among these what names a
blocklist before the codes, the codes before what texts say in general, the vague codes last.

Codes: `5.7.515`, `x.7.25` (4 or 5), `x.7` (all of a subject), `4` (temporary), `421` (of SMTP).
No expression searches a text twice, so that no text can make it slow.
"""

import pkgutil
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from deliverability.replies_classes import ReplyClass

ANY = "*"
CODES_KEPT_MAX = 256
ROWS_MAX = 10_000
_CODES = re.compile(rb"([2-5]\d\d)(?:[ -]+(?:#?([245]\.\d{1,3}\.\d{1,3})(?![\d.]))?|\Z)")
# Not at the start: "550 User unknown (#5.1.1)". No part of an address or a version number.
_LATER = re.compile(rb"[ (\[#]([45]\.[0-7]\.\d{1,3})(?![\w.])")
_DSN = re.compile(rb"[245]\.\d{1,3}\.\d{1,3}")
_LOWER = (bytes((byte,)).lower() for byte in range(256))
_WORDLESS = b"".join(byte if byte.isalnum() or byte >= b"\x80" else b" " for byte in _LOWER)


class Codes(NamedTuple):
    """What the remote said in figures: "421" and "4.7.28"; empty when it did not."""

    smtp: str
    enhanced: str


class Rule(NamedTuple):
    """One alternative of a row. `fragments`: each with a blank at both ends, in their order."""

    row: int
    code: str
    fragments: tuple[bytes, ...]
    reply_class: ReplyClass


class _Rules:
    """Rules of one receiver: by their rarest word, and those that need none by their code."""

    __slots__ = ("by_code", "by_word", "words")

    def __init__(self, rules: Sequence[Rule]) -> None:
        by_word: dict[bytes, list[Rule]] = {}
        self.by_code: dict[str, Rule] = {}
        frequency = Counter(word for rule in rules for word in _words(rule))
        for rule in rules:
            if rule.fragments:
                rarest = min(_words(rule), key=lambda word: (frequency[word], -len(word), word))
                by_word.setdefault(rarest, []).append(rule)
            else:
                self.by_code.setdefault(rule.code, rule)
        self.by_word = {word: tuple(of_word) for word, of_word in by_word.items()}
        self.words = frozenset(by_word)

    def first(self, said: bytes, *, words: list[bytes], codes: frozenset[str]) -> Rule | None:
        """The first row that fits. `words` are those of `said`."""
        found = None
        before = ROWS_MAX
        for code in codes:
            rule = self.by_code.get(code)
            if rule is not None and rule.row < before:
                found, before = rule, rule.row
        for word in self.words.intersection(words):
            for rule in self.by_word[word]:
                if rule.row >= before:
                    break
                if rule.code in codes and _says(said, rule.fragments):
                    found, before = rule, rule.row
        return found


def codes_of(reply: bytes, *, dsn: bytes) -> Codes:
    """The remote's own enhanced code where it gave one, else Postfix's idea of it, `dsn`.

    `reply` begins with the SMTP code if the remote said anything at all.
    """
    found = _CODES.match(reply)
    enhanced = None
    if found is not None:
        enhanced = found[2]
        if enhanced is None and (later := _LATER.search(reply)) is not None:
            enhanced = later[1]
    if enhanced is None and _DSN.fullmatch(dsn):
        enhanced = dsn
    return Codes(found[1].decode() if found else "", (enhanced or b"").decode())


def rule_for(receiver: str, reply: bytes, *, dsn: bytes) -> Rule | None:
    """The row that decides about this reply; None when nobody understands it."""
    codes = codes_of(reply, dsn=dsn)
    said = plain(_one_line(reply, codes))
    words = said.split()
    conditions = _conditions(codes)
    own = RULES.get(receiver)
    rule = own.first(said, words=words, codes=conditions) if own is not None else None
    return rule or RULES[ANY].first(said, words=words, codes=conditions)


def plain(text: bytes) -> bytes:
    """The words of a text in lower case, with a blank at both ends and between them."""
    return b" " + b" ".join(text.translate(_WORDLESS).split()) + b" "


def _one_line(reply: bytes, codes: Codes) -> bytes:
    """Postfix puts the lines of a reply beside each other, each with its code before it."""
    if reply[3:4] != b"-" or not codes.smtp:
        return reply
    smtp = codes.smtp.encode()
    reply = reply.replace(b" " + smtp + b"-", b" ").replace(b" " + smtp + b" ", b" ")
    return reply.replace(b" " + codes.enhanced.encode() + b" ", b" ") if codes.enhanced else reply


@lru_cache(maxsize=CODES_KEPT_MAX)
def _conditions(codes: Codes) -> frozenset[str]:
    """All conditions on a code that these fulfil."""
    enhanced = codes.enhanced
    subject = enhanced.rpartition(".")[0]
    return frozenset(
        (
            "",
            codes.smtp,
            # Postfix makes a 554 at the greeting a 4.0.0, to try again: not the remote's word.
            (codes.smtp or enhanced)[:1],
            enhanced,
            "x" + enhanced[1:],
            subject,
            "x" + subject[1:],
        )
    )


def _words(rule: Rule) -> list[bytes]:
    return b"".join(rule.fragments).split()


def _says(said: bytes, fragments: tuple[bytes, ...]) -> bool:
    place = 0
    for fragment in fragments:
        place = said.find(fragment, place)
        if place < 0:
            return False
        place += len(fragment) - 1  # the blank at the end may begin the next one
    return True


def _fragments(words: str) -> tuple[bytes, ...]:
    return tuple(plain(part.encode()) for part in words.split("*") if part.strip())


def read(columns: int) -> Iterator[list[str]]:
    """The first columns of every row, in the file's order."""
    data = pkgutil.get_data("deliverability", "replies.tsv")
    assert data is not None, "replies.tsv is part of the package"
    for line in data.decode().splitlines()[1:]:
        yield line.split("\t", columns)[:columns]


def _load() -> dict[str, _Rules]:
    by_receiver: dict[str, list[Rule]] = {}
    for row, (receiver, code, words, name) in enumerate(read(4)):
        rules = by_receiver.setdefault(receiver, [])
        for alternative in words.split("|"):
            rules.append(Rule(row, code, _fragments(alternative), ReplyClass(name)))
    return {receiver: _Rules(rules) for receiver, rules in by_receiver.items()}


RULES = _load()
