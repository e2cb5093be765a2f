"""Values to the text columns of the journal and back. JSON, made by msgspec."""

from collections.abc import Iterable
from typing import Any

import msgspec

ENCODER = msgspec.json.Encoder()
DECODER = msgspec.json.Decoder()
BYTES_MAX = 8192  # of a decision's evidence and of its aggregates, each


def text(value: object) -> str:
    return ENCODER.encode(value).decode()


def value(column: str) -> Any:
    return DECODER.decode(column)


def strings(column: str) -> tuple[str, ...]:
    return tuple(DECODER.decode(column))


def joined(parts: Iterable[str]) -> str:
    return text(list(parts))


def bounded(mapping: object) -> str:
    """What does not fit is cut and says so: a pause is never lost for the length of its reasons."""
    whole = text(mapping)
    if len(whole.encode()) <= BYTES_MAX:
        return whole
    return text({"truncated": len(whole), "beginning": whole[: BYTES_MAX // 2]})
