"""`column IN (many values)` as one parameter: a list of 500 costs more to bind than to look up.

To build a statement costs ten times what a small one takes to run: whatever a judgement reads is
built once, with `named`, and given its values by `given` each time.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Column, ColumnElement, Text, bindparam, func, select

from collector.adapters.store import encode


def among(column: Column[str], values: Collection[str]) -> ColumnElement[bool]:
    listed = func.json_each(bindparam(None, encode.joined(values))).table_valued("value")
    return column.in_(select(listed.c.value))


def named(column: Column[Any], name: str = "ids") -> ColumnElement[bool]:
    """For a statement that is kept; `name` is the parameter's."""
    listed = func.json_each(bindparam(name, type_=Text)).table_valued("value")
    return column.in_(select(listed.c.value))


def given(ids: Collection[str], name: str = "ids") -> dict[str, object]:
    """The parameter of a statement with `named`."""
    return {name: encode.joined(ids)}
