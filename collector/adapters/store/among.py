"""`column IN (many values)` as one parameter: a list of 500 costs more to bind than to look up."""

from collections.abc import Collection

from sqlalchemy import Column, ColumnElement, bindparam, func, select

from collector.adapters.store import encode


def among(column: Column[str], values: Collection[str]) -> ColumnElement[bool]:
    listed = func.json_each(bindparam(None, encode.joined(values))).table_valued("value")
    return column.in_(select(listed.c.value))
