"""Zones as rows of text: one line each, its columns separated by tabs, the first line naming them.

Rows become zones when they are first wanted: the agent, which knows the file whole, pays for the
few it watches. What a row must hold is written at `_zone`; the tests keep every row to it.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from types import MappingProxyType

from deliverability.zones_shapes import (
    Access,
    Code,
    Confirmation,
    Consequence,
    Kind,
    Status,
    Tier,
    Zone,
    number_of,
    text_of,
)

# "any" in a row: the operator says that every answer lists. RFC 5782 section 5 keeps 127.0.0.1 out.
ANY = "any"
ANY_FIRST, ANY_LAST = "127.0.0.2", "127.255.254.255"
# What a node needs of a zone to look at it; with `pace_seconds`, which is the fleet's.
HANDED_OUT = (
    *("name", "tier", "operator", "kinds", "access", "codes", "others", "errors"),
    *("sentinel_listed", "sentinel_clear", "keyed_suffix"),
)
# So long that with an IPv6 address's 64 labels of a nibble, and a key, a name may be asked: 253
# characters (RFC 1035 section 2.3.4).
NAME = r"(?=.{1,120}$)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+"
KEYED_SUFFIX = r"((?=.{1,60}$)\{key\}(\.[a-z0-9-]{1,63})+)?"
HANDED_OUT_BYTES_MAX = 131_072
HANDED_OUT_ZONES_MAX = 256
PACE_MAX = timedelta(days=7)
# What a row says of a zone beyond that, where it does.
_UNSAID = {
    **dict.fromkeys(("seen", "evidence", "why_disabled", "limits", "part_of", "delisting"), ""),
    **dict.fromkeys(("note", "source", "dated", "queries_per_day"), ""),
    "enabled": "yes",
    "status": "alive",
    "confirmed": "operator",
    "pace_minutes": "0",
}


class Rows(Mapping[str, Zone]):
    """Zones by name, in the order of the lines."""

    def __init__(self, text: str) -> None:
        header, *lines = text.split("\n")
        lines = [line for line in lines if line]
        self._columns = header.split("\t")
        self._lines = {line.partition("\t")[0]: line for line in lines}
        if len(self._lines) != len(lines):
            raise ValueError("a zone has two rows")
        self._zones: dict[str, Zone] = {}

    def __getitem__(self, name: str) -> Zone:
        if name not in self._zones:
            self._zones[name] = _zone(self._fields(self._lines[name]))
        return self._zones[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def __contains__(self, name: object) -> bool:
        return name in self._lines

    def where(self, **wanted: str) -> tuple[Zone, ...]:
        """The zones whose columns hold exactly these texts. Only they are made."""
        return tuple(map(self.__getitem__, self.names(**wanted)))

    def names(self, **wanted: str) -> tuple[str, ...]:
        """Of the zones whose columns hold exactly these texts. None is made."""
        return tuple(name for name in self._lines if self._fits(name, wanted))

    def texts(self, name: str) -> Mapping[str, str]:
        """The columns of one row."""
        return self._fields(self._lines[name])

    def _fits(self, name: str, wanted: Mapping[str, str]) -> bool:
        fields = self._fields(self._lines[name])
        return all(fields[column] == text for column, text in wanted.items())

    def _fields(self, line: str) -> dict[str, str]:
        texts = line.split("\t")
        if len(texts) != len(self._columns):
            raise ValueError(f"{texts[0][:80]!r}: {len(texts)} columns of {len(self._columns)}")
        return dict(zip(self._columns, texts, strict=True))


def hand_out(rows: Rows, zones: Iterable[Zone], *, paces: Mapping[str, timedelta]) -> str:
    """These zones as text, for `handed_out`: the fleet's tier and pace, all else as the rows."""
    lines = ["\t".join((*HANDED_OUT, "pace_seconds"))]
    for zone in zones:
        texts = {**rows.texts(zone.name), "tier": zone.tier.value}
        seconds = str(int(paces.get(zone.name, zone.pace).total_seconds()))
        lines.append("\t".join((*(texts[column] for column in HANDED_OUT), seconds)))
    return "\n".join(lines)


def revision(text: str) -> int:
    """From 1 to 2**63 - 1; equal where the text is."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1 or 1


def handed_out(text: str) -> Rows:
    """Zones somebody else chose. Columns we do not know are passed over.

    ValueError, in one sentence, when one of them cannot be looked at as it is told.
    """
    if len(text) > HANDED_OUT_BYTES_MAX:
        raise ValueError(f"more than {HANDED_OUT_BYTES_MAX} characters")
    rows = Rows(text)
    if len(rows) > HANDED_OUT_ZONES_MAX:
        raise ValueError(f"{len(rows)} zones, {HANDED_OUT_ZONES_MAX} at most")
    for name in rows:
        try:
            zone = rows[name]
        except KeyError as error:
            raise ValueError(f"{name[:80]!r}: {error} is missing") from error
        if not (timedelta(0) < zone.pace <= PACE_MAX and zone.sentinel_listed and zone.codes):
            raise ValueError(f"{name[:80]!r}: no pace, no test points or no codes")
        if not re.fullmatch(NAME, name) or not re.fullmatch(KEYED_SUFFIX, zone.keyed_suffix):
            raise ValueError(f"{name[:80]!r} is no zone's name")
    return rows


def _zone(said: Mapping[str, str]) -> Zone:
    """ValueError or KeyError for a wrong row."""
    row = {**_UNSAID, **said}
    seconds = int(row["pace_seconds"]) if "pace_seconds" in row else int(row["pace_minutes"]) * 60
    return Zone(
        name=row["name"],
        operator=row["operator"],
        kinds=frozenset(Kind(text) for text in row["kinds"].split(",")),
        tier=Tier(row["tier"]),
        pace=timedelta(seconds=seconds),
        status=Status(row["status"]),
        seen=row["seen"],
        evidence=row["evidence"],
        is_enabled={"yes": True, "no": False}[row["enabled"]],
        why_disabled=row["why_disabled"],
        access=Access(row["access"]),
        queries_per_day_max=int(row["queries_per_day"] or 0),
        limits=row["limits"],
        codes=_codes(row["codes"]),
        others=_codes(row["others"]),
        errors=MappingProxyType(dict(text.split("=", 1) for text in _each(row["errors"]))),
        confirmed=Confirmation(row["confirmed"]),
        sentinel_listed=row["sentinel_listed"],
        sentinel_clear=row["sentinel_clear"],
        keyed_suffix=row["keyed_suffix"],
        part_of=row["part_of"],
        delisting=row["delisting"],
        note=row["note"],
        source=row["source"],
        dated=row["dated"],
    )


def _codes(text: str) -> tuple[Code, ...]:
    return tuple(map(_code, _each(text)))


def _code(text: str) -> Code:
    """`127.0.0.4=pause:XBL`, `127.0.0.2-127.0.0.9=none:…`, `127.0.0.0&64=none:…`, `any=none:…`"""
    answers, rest = text.split("=", 1)
    consequence, meaning = rest.split(":", 1)
    base, is_bit, bit = answers.partition("&")
    first, is_range, last = base.replace(ANY, f"{ANY_FIRST}-{ANY_LAST}").partition("-")
    low, high = number_of(first), number_of(last if is_range else first)
    if low is None or high is None or low > high:
        raise ValueError(f"not an answer: {answers}")
    mask = int(bit) if is_bit else 0
    return Code(
        answer=text_of(low | mask),
        consequence=Consequence(consequence),
        meaning=meaning,
        first=low,
        last=low | 255 if is_bit else high,
        bit=mask,
    )


def _each(text: str) -> list[str]:
    return text.split("|") if text else []
