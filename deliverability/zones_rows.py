"""Zones as rows of text: one line each, its columns separated by tabs, the first line naming them.

Rows become zones when they are first wanted: the agent, which knows the file whole, pays for the
few it watches. What a row must hold is written at `_zone`; the tests keep every row to it.
"""

from collections.abc import Iterator, Mapping
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


class Rows(Mapping[str, Zone]):
    """Zones by name, in the order of the lines."""

    def __init__(self, text: str) -> None:
        header, *lines = text.splitlines()
        self._columns = header.split("\t")
        self._lines = {line.partition("\t")[0]: line for line in lines}
        assert len(self._lines) == len(lines), "a zone has one row"
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

    def _fits(self, name: str, wanted: Mapping[str, str]) -> bool:
        fields = self._fields(self._lines[name])
        return all(fields[column] == text for column, text in wanted.items())

    def _fields(self, line: str) -> dict[str, str]:
        return dict(zip(self._columns, line.split("\t"), strict=True))


def _zone(row: Mapping[str, str]) -> Zone:
    """ValueError or KeyError for a wrong row: the file is ours, and tests read all of it."""
    return Zone(
        name=row["name"],
        operator=row["operator"],
        kinds=frozenset(Kind(text) for text in row["kinds"].split(",")),
        tier=Tier(row["tier"]),
        pace=timedelta(minutes=int(row["pace_minutes"])),
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
