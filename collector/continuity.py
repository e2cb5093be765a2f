"""Whether a node counts on from our account of it, or must begin a new epoch (DESIGN 5)."""

import structlog

from collector.core.heartbeat import Account, Hello, NewEpoch
from collector.ports import IntakeStore, Refused

log = structlog.get_logger(__name__)


async def judge(
    account: Account, hello: Hello, *, store: IntakeStore, is_other: bool
) -> NewEpoch | None:
    """None when the node may go on counting; else where our account of it ends.

    `is_other`: it took the node from a process that was still there. Both may have counted on from
    one state, and the same number of a heartbeat would not mean the same counts.
    """
    is_forked = is_other and bool(account.log_position)
    if hello.epoch == account.epoch:
        goes_on = not is_forked and hello.sequence >= account.sequence
    else:
        goes_on = not is_forked and not _overlaps(account, hello) and await _begins(store, hello)
    if goes_on:
        return None
    log.warning(
        "the node's counts do not go on from our account of them",
        node=hello.node_id,
        sequence=hello.sequence,
        committed=account.sequence,
        is_other=is_other,
    )
    return NewEpoch(log_position=account.log_position, counted_to=account.counted_to)


def _overlaps(account: Account, hello: Hello) -> bool:
    """An epoch that was asked for, but not begun before another process counted on."""
    told, begun = account.counted_to, hello.counted_from
    return told is not None and begun is not None and begun < told


async def _begins(store: IntakeStore, hello: Hello) -> bool:
    """Whether its epoch is a new one: none is begun twice."""
    try:
        await store.begin_epoch(hello.node_id, epoch=hello.epoch)
    except Refused as refused:
        if refused.code != "EPOCH_USED":
            raise
        return False
    return True
