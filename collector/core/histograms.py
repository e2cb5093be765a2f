"""Histograms of delays as the journal keeps them: packed, cumulative, with differences. Pure."""

import struct
from collections.abc import Sequence

from deliverability.delays import BUCKETS, PARTS

Histograms = Sequence[Sequence[int]]

_PART = struct.Struct(f"<{BUCKETS}I")
_LAYOUT = struct.Struct(f"<{len(PARTS) * BUCKETS}I")
COUNT_MAX = 2**32 - 1
_NOTHING = bytes(_LAYOUT.size)


def pack(parts: Sequence[Sequence[int]]) -> bytes:
    """Buckets left out at the end are empty. No count above COUNT_MAX, no part too long."""
    if not any(parts):
        return b""
    rows = ((*part, *(0,) * (BUCKETS - len(part))) for part in parts)
    return _LAYOUT.pack(*(count for row in rows for count in row))


def unpack(packed: bytes) -> dict[str, tuple[int, ...]]:
    """By the names of PARTS; all empty when nothing was told."""
    counts = _LAYOUT.unpack(packed or _NOTHING)
    return {part: counts[k * BUCKETS : (k + 1) * BUCKETS] for k, part in enumerate(PARTS)}


def since(packed: bytes, *, before: bytes) -> dict[str, tuple[int, ...]]:
    """What was added; where a count fell, nothing."""
    return {part: grown(packed, before=before, part=part) for part in PARTS}


def grown(packed: bytes, *, before: bytes, part: str) -> tuple[int, ...]:
    """As `since`, of one part."""
    at = PARTS.index(part) * _PART.size
    now, then = _PART.unpack_from(packed or _NOTHING, at), _PART.unpack_from(before or _NOTHING, at)
    return tuple([one - other if one > other else 0 for one, other in zip(now, then, strict=True)])


def added(all_of: Sequence[dict[str, tuple[int, ...]]]) -> dict[str, tuple[int, ...]]:
    """The sum of several."""
    return {
        part: tuple(map(sum, zip(*(one[part] for one in all_of), strict=True))) or (0,) * BUCKETS
        for part in PARTS
    }
