"""Rows that are about what a standing decision, or a person's no, is about."""

from sqlalchemy import ColumnElement, Table

from collector.core.model import StandingKey


def of_key(table: Table, key: StandingKey) -> ColumnElement[bool]:
    """Of a table with the key's columns; where it has no kind, all its rows are of one."""
    c = table.c
    about = (
        (c.node_id == key.node_id)
        & (c.address == (key.address or ""))
        & (c.receiver == (key.receiver or ""))
        & (c.reason == key.reason.value)
    )
    return about & (c.kind == key.kind.value) if "kind" in c else about
