"""Facts as plain JSON values and back: one codec for every frozen value of the core.

Written: dataclasses as objects without the fields that hold their default, enums by value, moments
and durations as whole microseconds, tuples as lists, sets as sorted ones, mappings as objects, or
as lists of pairs where a key is not text. Read: by the type's own annotations. What a later version
no longer knows is passed over and named; what it needs and does not find is an error. Bounds are
the caller's.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from datetime import datetime, timedelta, timezone
from enum import Enum
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MICROSECOND = timedelta(microseconds=1)
KINDS_MAX = 512  # dataclasses of the core, a few dozen
ATOMS = (bool, int, float, str, NoneType)
Made = TypeVar("Made")


class PlainError(ValueError):
    """Not a value of that type: written by a version too far away, or damaged."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One field: its type, and what it holds when it is not written."""

    name: str
    kind: Any
    is_needed: bool
    default: Callable[[], object]


def write(value: object) -> Any:
    """JSON-ready. A value that is none of ours is our own mistake."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, ATOMS):
        return value
    if isinstance(value, datetime):
        return (value - EPOCH) // MICROSECOND
    if isinstance(value, timedelta):
        return value // MICROSECOND
    if isinstance(value, Mapping):
        return _mapping(value)
    if isinstance(value, (tuple, list)):
        return [write(one) for one in value]
    if isinstance(value, frozenset):
        return sorted(write(one) for one in value)
    assert is_dataclass(value), value
    kind: Any = type(value)
    return {
        part.name: write(getattr(value, part.name))
        for part in _parts(kind)
        if part.is_needed or getattr(value, part.name) != part.default()
    }


def _mapping(value: Mapping[Any, object]) -> Any:
    if all(isinstance(key, str) for key in value):
        return {key: write(one) for key, one in value.items()}
    return [[write(key), write(one)] for key, one in value.items()]


def read(kind: type[Made], data: object, *, strange: set[str]) -> Made:
    """Adds `Type.field` to `strange` for everything written that this version does not know.

    PlainError: something needed is missing, or a value does not fit its type.
    """
    try:
        made = _read(data, kind=kind, strange=strange)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise PlainError(f"no {kind.__name__}: {error!r}") from error
    assert isinstance(made, kind)
    return made


def _read(data: Any, *, kind: Any, strange: set[str]) -> Any:
    if kind is object or kind in ATOMS:
        return data
    if kind is datetime:
        return EPOCH + data * MICROSECOND
    if kind is timedelta:
        return data * MICROSECOND
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(data)
    if isinstance(kind, type) and issubclass(kind, tuple):
        # A named tuple, perhaps of a version that had fewer parts.
        hints = zip(_hints(kind), data, strict=False)
        return kind(*(_read(one, kind=of, strange=strange) for of, one in hints))
    if is_dataclass(kind):
        return _record(data, kind=kind, strange=strange)
    return _of_parts(data, kind=kind, strange=strange)


def _of_parts(data: Any, *, kind: Any, strange: set[str]) -> Any:
    """One kind or nothing (no fact is this or that), a tuple, a set, a mapping."""
    origin, given = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        (only,) = (one for one in given if one is not NoneType)
        return None if data is None else _read(data, kind=only, strange=strange)
    if origin is frozenset:
        return frozenset(_read(one, kind=given[0], strange=strange) for one in data)
    if origin is tuple:
        kinds = (given[0],) * len(data) if given[-1] is ... else given
        return tuple(
            _read(one, kind=of, strange=strange) for of, one in zip(kinds, data, strict=True)
        )
    assert origin in (Mapping, dict), kind
    pairs = data.items() if isinstance(data, dict) else data
    return {
        _read(key, kind=given[0], strange=strange): _read(one, kind=given[1], strange=strange)
        for key, one in pairs
    }


def _record(data: dict[str, Any], *, kind: Any, strange: set[str]) -> Any:
    parts = _parts(kind)
    known = {part.name for part in parts}
    strange.update(f"{kind.__name__}.{name}" for name in data if name not in known)
    given = {
        part.name: _read(data[part.name], kind=part.kind, strange=strange)
        for part in parts
        if part.name in data
    }
    missing = [part.name for part in parts if part.is_needed and part.name not in data]
    if missing:
        raise PlainError(f"{kind.__name__} without {', '.join(missing)}")
    return kind(**given)


@lru_cache(KINDS_MAX)
def _hints(kind: Any) -> tuple[Any, ...]:
    return tuple(get_type_hints(kind).values())


@lru_cache(KINDS_MAX)
def _parts(kind: Any) -> tuple[_Part, ...]:
    hints = get_type_hints(kind)
    return tuple(
        _Part(one.name, hints[one.name], _is_needed(one), _default(one)) for one in fields(kind)
    )


def _is_needed(one: "Field[Any]") -> bool:
    return one.default is MISSING and one.default_factory is MISSING


def _default(one: "Field[Any]") -> Callable[[], object]:
    if one.default_factory is not MISSING:
        return one.default_factory
    return lambda: one.default
