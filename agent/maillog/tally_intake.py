"""Who brought how many messages in. Pure; bounded: beyond the first clients, `other`."""

from collections import Counter
from collections.abc import Iterable, Sequence
from operator import itemgetter

from agent.maillog.lines import Accepted
from agent.maillog.tally_names import Names
from agent.model import Intake
from deliverability import receivers

CLIENTS_MAX = 31
CLIENTS_REMEMBERED_MAX = 1024
CLIENT_CHARACTERS_MAX = 64
CLIENT_BYTES_MAX = 320  # of one that is remembered: a name of DNS and an address
_TOLD = itemgetter(*map(Accepted._fields.index, ("instance", "client", "origin")))
_OTHERS = ("", receivers.OTHER)


class Clients:
    """Totals since the epoch; `changed`, then `committed`."""

    def __init__(self, known: Iterable[Intake]) -> None:
        self._totals = {(one.instance, one.client): one.messages for one in known}
        self._pending: dict[tuple[str, str], int] = {}
        self._keys: dict[tuple[bytes, ...], tuple[str, str]] = {}

    def add(self, came: Sequence[tuple[bytes, bytes, bytes, bytes]], names: Names) -> None:
        """What a content filter gave back came in before."""
        for told, count in Counter(map(_TOLD, came)).items():
            if told[2]:
                continue
            key = self._keys.get(told)
            if key is None:
                key = self._row(names.instance(told[0]), told[1])
                if len(told[0]) + len(told[1]) <= CLIENT_BYTES_MAX:
                    if len(self._keys) >= CLIENTS_REMEMBERED_MAX:
                        self._keys.clear()
                    self._keys[told] = key
            self._pending[key] = self._pending.get(key, 0) + count

    def _row(self, instance: str, client: bytes) -> tuple[str, str]:
        key = (instance, _name(client))
        if key not in self._totals:
            key = key if len(self._totals) < CLIENTS_MAX else _OTHERS
            self._totals.setdefault(key, 0)
        return key

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
