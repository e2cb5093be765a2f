"""What was counted by sending domain, and what is known of the messages under way.

Belongs to the state (`agent.state_counts` calls it in its transaction). Rows of both tables from
and to values; nothing else. Knows no line.
"""

import re
from dataclasses import fields

from agent.model import Counted, SenderCount
from agent.state_file import StateFile

TABLES = ("senders", "underway")
COLUMNS = tuple(one.name for one in fields(SenderCount))

_SAID = re.compile(rb"[^>=, ]*>, size=\d{1,12}")

# Our own names are put in.
_PUT = f"""INSERT INTO senders ({", ".join(COLUMNS)}, changed_in)
 SELECT {", ".join("?" * len(COLUMNS))}, sequence + 1 FROM node WHERE true
 ON CONFLICT DO UPDATE SET {", ".join(f"{one} = excluded.{one}" for one in COLUMNS[1:])},
 changed_in = excluded.changed_in"""  # noqa: S608
_CHANGED = f"""SELECT {", ".join(COLUMNS)} FROM senders WHERE changed_in > ?
 ORDER BY changed_in, domain"""  # noqa: S608


def put(file: StateFile, counted: Counted) -> None:
    rows = [tuple(getattr(one, name) for name in COLUMNS) for one in counted.senders]
    file.write_many(_PUT, rows)
    file.write_many("DELETE FROM underway WHERE message = ?", [(one,) for one in counted.let_go])
    under_way = [(message, *one) for message, one in counted.taken_up.items()]
    file.write_many("INSERT OR REPLACE INTO underway VALUES (?, ?, ?)", under_way)


def counts(file: StateFile, *, since: int) -> tuple[SenderCount, ...]:
    """Those that changed longest ago first."""
    return tuple(
        SenderCount(**dict(zip(COLUMNS, row, strict=True))) for row in file.rows(_CHANGED, (since,))
    )


def underway(file: StateFile) -> dict[bytes, tuple[bytes, int]]:
    """But what is no word of a queue manager: that message's sender is not known, and no more."""
    rows = file.rows("SELECT message, said, recipients FROM underway")
    return {
        message: (said, recipients) for message, said, recipients in rows if _SAID.fullmatch(said)
    }
