"""Who brought how many messages in. Pure; bounded: beyond the first clients, `other`."""

from collections.abc import Iterable

from agent.maillog.lines import Accepted
from agent.model import Intake
from deliverability import receivers

CLIENTS_MAX = 31
CLIENT_CHARACTERS_MAX = 64
_OTHERS = ("", receivers.OTHER)


class Clients:
    """Totals since the epoch; `changed`, then `committed`."""

    def __init__(self, known: Iterable[Intake]) -> None:
        self._totals = {(one.instance, one.client): one.messages for one in known}
        self._pending: dict[tuple[str, str], int] = {}

    def add(self, came: Accepted, instance: str) -> None:
        """What a content filter gave back came in before."""
        if came.origin:
            return
        key = (instance, _name(came.client))
        if key not in self._totals:
            key = key if len(self._totals) < CLIENTS_MAX else _OTHERS
            self._totals.setdefault(key, 0)
        self._pending[key] = self._pending.get(key, 0) + 1

    def changed(self) -> tuple[Intake, ...]:
        return tuple(
            Intake(instance=key[0], client=key[1], messages=self._totals[key] + count)
            for key, count in sorted(self._pending.items())
        )

    def committed(self) -> None:
        for key, count in self._pending.items():
            self._totals[key] += count
        self._pending.clear()


def _name(client: bytes) -> str:
    """`mail.example[192.0.2.7]` without its name, which anybody may choose; `uid=33` as it is."""
    place = client.partition(b"[")[2].partition(b"]")[0] or client
    text = place.decode("ascii", "replace")[:CLIENT_CHARACTERS_MAX]
    return text if text.isprintable() else receivers.OTHER
