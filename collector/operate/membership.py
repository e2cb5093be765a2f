"""Who belongs to the fleet: join tokens, revocation, the CA's roots."""

from collector.operate import change, overview
from collector.operate.desk import Change, Desk, Done, Wish, entry, guard
from collector.ports import OperatorPause


async def token(desk: Desk, *, pool: str, node: str | None, wish: Wish) -> dict[str, object]:
    """A join token, shown once, and the line to run on the node. With `node` it re-enrols that one.

    Refused: POOL_UNKNOWN, NODE_UNKNOWN.
    """
    home = await overview.pool(desk, pool)
    known = await overview.one(desk, node) if node is not None else None
    text = await desk.register.new_token(
        str(home["id"]), actor=wish.actor, node_id=str(known["id"]) if known else None
    )
    return {
        "token": text,
        "pool": home["name"],
        "node": known["name"] if known else None,
        "valid": "once, within 30 minutes",
        "collector": desk.standing.names[0],
        "command": command(text, collector=desk.standing.names[0]),
    }


def command(token_text: str, *, collector: str) -> str:
    """What makes a node of a machine. The token travels by the environment, not as an argument."""
    return f"MAILFLEET_TOKEN={token_text} installer/install-agent.sh --collector {collector}"


async def revoke(desk: Desk, node: str, *, wish: Wish) -> Done:
    """Ends the node's certificates and its live stream. It returns only with a new token."""
    row = await overview.one(desk, node)
    guard(wish, affected=1, capacity_ratio=await change.capacity_ratio(desk, [row]))
    asked = Change(action="revoke", subject=str(row["id"]), before={"name": row["name"]})
    count = 0
    if not wish.dry_run:
        count = await desk.register.revoke(str(row["id"]), entry(desk, wish, change=asked))
        # Whom we can no longer tell to be silent must not be given mail.
        note = f"certificates revoked: {wish.reason}"
        out = OperatorPause(node_id=str(row["id"]), address=None, pausing=True, note=note)
        paused = Change(action="pause", subject=str(row["id"]), after={"note": note})
        await desk.store.operator_pause(out, entry(desk, wish, change=paused))
        desk.doorbell.ring(str(row["id"]))
    said = "would be revoked" if wish.dry_run else f"is revoked ({count} certificates)"
    return Done(
        text=f"{row['name']} {said} and out of the rotation; its stream is closed, and Postfix"
        f" keeps its last directive. Once enrolled anew: mailfleet node resume {row['name']}",
        changed=not wish.dry_run,
        dry_run=wish.dry_run,
        affected=(str(row["name"]),),
    )


async def rotate_ca(desk: Desk, *, wish: Wish) -> Done:
    """A new root issues from now on; the one before stays trusted. Refused: CA_IN_USE."""
    asked = Change(action="ca rotated", subject="ca")
    if not wish.dry_run:
        await desk.register.rotate_ca(entry(desk, wish, change=asked))
    said = "a new root would issue" if wish.dry_run else "a new root issues"
    return Done(
        text=f"{said} from now on; the one before stays trusted",
        changed=not wish.dry_run,
        dry_run=wish.dry_run,
    )


def ca(desk: Desk) -> dict[str, object]:
    """The fleet's name, the roots trusted now, and when they end."""
    return {
        "fleet": desk.authority.fleet,
        "ends_at": [end.isoformat() for end in desk.standing.ca_ends_at()],
        "listener_ends_at": desk.standing.certificate_ends_at().isoformat(),
        "names": list(desk.standing.names),
        "pem": desk.authority.ca_pem().decode(),
    }
