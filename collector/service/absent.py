"""Streams while no listener runs: nobody is connected."""

from collector.core.heartbeat import Recount
from collector.core.model import Order
from collector.ports import Refused


class NoStreams:
    """Implements `ports.Streams` for a collector that is being founded."""

    def send(self, node_id: str, order: Order) -> bool:
        return False

    def close(self, node_id: str, *, code: str, text: str) -> None:
        """Nothing to close."""

    def connected(self) -> frozenset[str]:
        return frozenset()

    async def recount(self, node_id: str, *, epoch: str, log_position: bytes) -> Recount:
        raise Refused("NOT_CONNECTED", f"no listener runs that {node_id} could speak to")
