"""One stream of one node: what waits to be written to it, and when it must end. Reads nothing.

A stream ends by its own handler alone. Whoever wants it ended says so (`end`), and the handler's
time limit runs out at once.
"""

import asyncio

from grpc import aio

from collector.core.allowance import Allowance
from collector.core.duplicates import Claim
from collector.core.model import Order
from collector.ports import Refused
from collector.rpc import wire
from collector.rpc.bounds import WireError
from collector.rpc.peers import Peer

EPOCHS_MAX = 8
# Messages of one stream. An honest node sends one in 30 s, and early ones a second apart.
MESSAGES_AT_ONCE = 100
MESSAGES_PER_SECOND = 2.0

Context = aio.ServicerContext[bytes, bytes]
# What writing to a call that has ended raises.
ENDED = (aio.AbortError, aio.UsageError, aio.InternalError, asyncio.InvalidStateError)


class Epochs:
    """In which epoch a stream's heartbeats count. A node that we asked to begin anew may do so
    with a Hello or with its next heartbeat."""

    __slots__ = ("_begun", "_counted", "_stale")

    def __init__(self, epoch: str, *, is_over: bool) -> None:
        self._counted = "" if is_over else epoch
        self._stale = epoch if is_over else ""
        self._begun = 0

    def counts(self, epoch: str) -> bool:
        return epoch == self._counted

    def is_stale(self, epoch: str) -> bool:
        return epoch == self._stale

    def begin(self, epoch: str) -> None:
        """WireError when it begins one after the other."""
        self._begun += 1
        if self._begun > EPOCHS_MAX:
            raise WireError(f"more than {EPOCHS_MAX} epochs on one stream")
        self._counted = epoch


class Stream:
    """One call of one node. Writes one message at a time; of directives only the newest waits."""

    __slots__ = (
        *("peer", "claim", "epochs", "refused", "is_welcomed", "catalogue"),
        *(
            "_allowance",
            "_context",
            "_limit",
            "_order",
            "_messages",
            "_is_writing",
            "_written",
            "_written_then",
        ),
    )

    def __init__(self, peer: Peer, context: Context, limit: asyncio.Timeout) -> None:
        self.peer = peer
        self.claim: Claim | None = None
        self.epochs = Epochs("", is_over=True)
        # Why it must end; the handler says it to the peer.
        self.refused: Refused | None = None
        self.is_welcomed = False
        # The revision of the zones the node was handed; None: it is too old to take any.
        self.catalogue: int | None = None
        self._allowance = Allowance(left=MESSAGES_AT_ONCE, at=0.0)
        self._context = context
        self._limit = limit
        self._order: Order | None = None
        self._messages: list[bytes] = []
        self._is_writing = False
        self._written = 0
        self._written_then = -1

    @property
    def node_id(self) -> str:
        return self.peer.node_id

    def end(self, refused: Refused) -> None:
        """Its handler's time is up. The first reason counts, and nothing extends the time."""
        if self.refused is None:
            self.refused = refused
            if not self._limit.expired():
                self._limit.reschedule(asyncio.get_running_loop().time())

    def unlimit(self) -> None:
        """It said Hello: from now on it may be as silent as it likes."""
        if self.refused is None and not self._limit.expired():
            self._limit.reschedule(None)

    def may_speak(self, now: float) -> bool:
        """Whether one more message is within what a stream may say; `now` is monotonic seconds."""
        most, rate = MESSAGES_AT_ONCE, MESSAGES_PER_SECOND
        return self._allowance.take(1, most=most, per_second=rate, now=now) == 1

    def lacks(self, revision: int) -> bool:
        """Whether the node is to be handed the zones of this revision."""
        may = self.is_welcomed and self.refused is None and self.catalogue is not None
        return may and self.catalogue != revision

    def offer(self, order: Order) -> None:
        """To be written by `flush`, unless a newer one waits already."""
        if self._order is None or order.order >= self._order.order:
            self._order = order

    async def write(self, *messages: bytes) -> None:
        """In order, after what waits. While another task writes, it writes these too."""
        self._messages.extend(messages)
        await self.flush()

    async def flush(self) -> None:
        if self._is_writing:
            return
        self._is_writing = True
        try:
            while (message := self._next()) is not None:
                await self._context.write(message)
                self._written += 1
        finally:
            self._is_writing = False

    def is_stuck(self) -> bool:
        """Whether what was being written when this was last asked is being written still."""
        stuck = self._is_writing and self._written == self._written_then
        self._written_then = self._written if self._is_writing else -1
        return stuck

    def _next(self) -> bytes | None:
        if self._messages:
            return self._messages.pop(0)
        if self._order is not None and self.is_welcomed:
            order, self._order = self._order, None
            return wire.encode_order(order)
        return None
