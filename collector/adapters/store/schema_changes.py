"""Numbers that grow with every change of a table, by triggers, in the transaction of whatever
changes it: `touched` of a row is the number its last change was given. Belongs to `schema`.

`places`: of what nodes and pools are called, and whose they are.
"""

from sqlalchemy import Column, Table, Text

from collector.adapters.store.schema import metadata, whole_column

changes = Table(
    "changes",
    metadata,
    Column("name", Text, primary_key=True),
    whole_column("number", default="0"),
)
