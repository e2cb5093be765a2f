"""A join token used once: the node enters the journal, or enters it again with a new key."""

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from collector.adapters.store.moments import from_ms, to_ms
from collector.adapters.store.schema import addresses, node_states, nodes
from collector.adapters.store.schema_acts import certificates, tokens
from collector.adapters.store.schema_rotation import warmups
from collector.adapters.store.warmups import adopted
from collector.core.model import Lifecycle
from collector.ports import Refused
from collector.ports_identity import NewNode, Token

KEEP = upsert(warmups).on_conflict_do_nothing()


def enrol(connection: Connection, secret_hash: str, *, node: NewNode) -> None:
    """Marks the token used and writes the node. Refused changes nothing."""
    token = read_token(connection, secret_hash)
    if token is None:
        raise Refused("TOKEN_UNKNOWN", "no such join token")
    if token.used_at is not None:
        raise Refused("TOKEN_USED", f"the join token was used at {token.used_at:%Y-%m-%d %H:%M}Z")
    if node.enrolled_at >= token.expires_at:
        raise Refused("TOKEN_EXPIRED", f"the join token ended {token.expires_at:%Y-%m-%d %H:%M}Z")
    at = to_ms(node.enrolled_at)
    mine = tokens.c.secret_hash == secret_hash
    connection.execute(update(tokens).where(mine).values(used_at=at))
    if token.node_id is None:
        _add(connection, node, token.pool_id)
    else:
        assert token.node_id == node.id, (token.node_id, node.id)
        _again(connection, node)


def read_token(connection: Connection, secret_hash: str) -> Token | None:
    query = select(tokens).where(tokens.c.secret_hash == secret_hash)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return Token(
        secret_hash=row.secret_hash,
        pool_id=row.pool_id,
        created_at=from_ms(row.created_at),
        expires_at=from_ms(row.expires_at),
        created_by=row.created_by,
        node_id=row.node_id,
        used_at=from_ms(row.used_at),
    )


def revoke(connection: Connection, node_id: str, *, at: int) -> list[str]:
    """Fingerprints of those that were good until now."""
    good = (certificates.c.node_id == node_id) & certificates.c.revoked_at.is_(None)
    found = connection.scalars(select(certificates.c.fingerprint).where(good)).all()
    connection.execute(update(certificates).where(good).values(revoked_at=at))
    return sorted(found)


def _add(connection: Connection, node: NewNode, pool_id: str) -> None:
    """A node that enrols by token is adopted: active at once, in the token's pool."""
    connection.execute(
        insert(nodes).values(
            id=node.id,
            name=_free_name(connection, node.name),
            pool_id=pool_id,
            lifecycle=Lifecycle.ACTIVE.value,
            machine_id=node.machine_id,
            hostname=node.hostname,
            enrolled_at=to_ms(node.enrolled_at),
        )
    )
    connection.execute(insert(node_states).values(node_id=node.id))
    _add_addresses(connection, node, pool_id)


def _again(connection: Connection, node: NewNode) -> None:
    known = connection.execute(select(nodes.c.pool_id).where(nodes.c.id == node.id)).one_or_none()
    if known is None:
        raise Refused("NODE_UNKNOWN", f"no node {node.id}")
    revoke(connection, node.id, at=to_ms(node.enrolled_at))
    values = {"machine_id": node.machine_id, "hostname": node.hostname}
    connection.execute(update(nodes).where(nodes.c.id == node.id).values(**values))
    _add_addresses(connection, node, known.pool_id)


def _add_addresses(connection: Connection, node: NewNode, pool_id: str) -> None:
    """Adds only: one that is gone leaves with the node's next Hello."""
    query = select(addresses.c.ip).where(addresses.c.node_id == node.id)
    known = set(connection.scalars(query))
    rows = [
        {"node_id": node.id, "ip": ip, "position": position, "pool_id": pool_id}
        for position, ip in enumerate(node.addresses)
        if ip not in known
    ]
    if rows:
        connection.execute(insert(addresses), rows)
        at, ips = to_ms(node.enrolled_at), [str(row["ip"]) for row in rows]
        connection.execute(KEEP, adopted(node.id, ips, at=at))


def _free_name(connection: Connection, wanted: str) -> str:
    """Two machines may have one host name; people must be able to tell the nodes apart."""
    taken = set(
        connection.scalars(
            select(nodes.c.name).where(func.substr(nodes.c.name, 1, len(wanted)) == wanted)
        )
    )
    number, name = 1, wanted
    while name in taken:
        number += 1
        name = f"{wanted}-{number}"
    return name
