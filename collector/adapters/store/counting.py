"""How many addresses and nodes each pool has, without counting them: triggers of the schema carry
the numbers on in the transaction of whatever changes them. `verify` counts after them.
"""

from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, select

from collector.adapters.store.schema import addresses, nodes, pool_counts
from collector.core.model import Lifecycle


class Counts(NamedTuple):
    """Of one pool: present addresses, those in the rotation, nodes not decommissioned."""

    addresses: int
    in_rotation: int
    nodes: int


NONE = Counts(0, 0, 0)
KEPT = select(pool_counts)


def read(connection: Connection) -> dict[str, Counts]:
    """As this transaction sees it."""
    return {
        row.pool_id: Counts(row.addresses, row.in_rotation, row.nodes)
        for row in connection.execute(KEPT)
    }


def verify(connection: Connection) -> None:
    """The brakes stand on these numbers: one that is not the rows' is our own mistake."""
    kept, real = _some(read(connection)), counted(connection)
    assert kept == real, (kept, real)


def renew(connection: Connection) -> bool:
    """Counts anew what somebody else left wrong in the file. False when nothing was."""
    real = counted(connection)
    if _some(read(connection)) == real:
        return False
    connection.execute(delete(pool_counts))
    rows = [{"pool_id": pool, **counts._asdict()} for pool, counts in real.items()]
    if rows:
        connection.execute(insert(pool_counts), rows)
    return True


def _some(found: dict[str, Counts]) -> dict[str, Counts]:
    return {pool: counts for pool, counts in found.items() if counts != NONE}


def counted(connection: Connection) -> dict[str, Counts]:
    """From the rows themselves: of a large fleet long work."""
    a, n = addresses.c, nodes.c
    members = select(a.pool_id, func.count(), func.sum(a.in_rotation))
    present = connection.execute(members.where(a.is_present == 1).group_by(a.pool_id)).all()
    going = n.lifecycle != Lifecycle.DECOMMISSIONED.value
    known = connection.execute(
        select(n.pool_id, func.count()).where(going).group_by(n.pool_id)
    ).all()
    found = {pool: Counts(0, 0, number) for pool, number in known}
    for pool, number, inside in present:
        found[pool] = Counts(number, inside, found.get(pool, NONE).nodes)
    return found
