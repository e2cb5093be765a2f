"""Whether a node counts on from our account of it, or must begin a new epoch (DESIGN 5).

Two processes may speak for one node, one after the other, from copies of one state; a state may be
lost, and a journal may be an older one. No line of a log is counted twice or passed over: whoever
begins an epoch begins it where our account ends.
"""

from dataclasses import dataclass

import structlog

from collector.core.heartbeat import Account, Hello, NewEpoch
from collector.ports import IntakeStore, Refused

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which process of a node was asked for a new epoch, and the one it was in then. Nobody else
    of that node has said Hello since, so what we told is still where our account ends."""

    run_id: str
    epoch: str


def may_count(account: Account, hello: Hello, *, asked: Asked | None, is_other: bool) -> bool:
    """`asked`: for what this node was asked last, if that is known: the epoch it was in is over,
    for whoever comes with it. `is_other`: the process took the node from another that was still
    there: both may have counted on from one state, and the same number of a heartbeat would not
    mean the same counts."""
    if is_other and account.log_position:
        return False
    if hello.epoch == account.epoch:
        is_over = asked is not None and asked.epoch == hello.epoch
        return hello.sequence >= account.sequence and not is_over
    return not account.log_position or _is_answer(hello, asked)


def _is_answer(hello: Hello, asked: Asked | None) -> bool:
    """It begins what we asked it for, where our account ends. Any other epoch began somewhere else:
    the node's state was lost, or our journal is older than it."""
    return asked is not None and asked.run_id == hello.run_id and asked.epoch != hello.epoch


class Continuity:
    """What nodes were asked for is forgotten with this run: they are asked once more."""

    def __init__(self, store: IntakeStore) -> None:
        self._store = store
        self._asked: dict[str, Asked] = {}

    async def judge(self, account: Account, hello: Hello, *, is_other: bool) -> NewEpoch | None:
        """None when the node may go on counting; else where our account of it ends."""
        known = self._asked.get(hello.node_id)
        goes_on = may_count(account, hello, asked=known, is_other=is_other)
        if goes_on and (hello.epoch == account.epoch or await self._begins(hello)):
            self._asked.pop(hello.node_id, None)
            return None
        self._asked[hello.node_id] = Asked(run_id=hello.run_id, epoch=hello.epoch)
        log.warning(
            "the node's counts do not go on from our account of them",
            node=hello.node_id,
            sequence=hello.sequence,
            committed=account.sequence,
            is_other=is_other,
        )
        return NewEpoch(log_position=account.log_position, counted_to=account.counted_to)

    async def _begins(self, hello: Hello) -> bool:
        """Whether its epoch is a new one: none is begun twice."""
        try:
            await self._store.begin_epoch(hello.node_id, epoch=hello.epoch)
        except Refused as refused:
            if refused.code != "EPOCH_USED":
                raise
            return False
        return True
