"""Whatever bytes come, the collector reads a value or refuses; nothing else happens."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from collector.core.heartbeat import Heartbeat, Hello
from collector.rpc import wire, wire_enrolment
from collector.rpc.bounds import WireError
from tests.wire.test_golden_collector import ARRIVAL, GOLDEN

REAL = tuple((GOLDEN / "0.1" / f"{name}.bin").read_bytes() for name in ("hello", "heartbeat"))
REQUESTS = tuple(path.read_bytes() for path in sorted(Path(GOLDEN / "0.1").glob("*request.bin")))


def read(data: bytes) -> None:
    try:
        found = wire.decode(data, ARRIVAL)
    except WireError:
        return
    assert isinstance(found, Hello | Heartbeat)
    assert (found.node_id, found.received_at) == (ARRIVAL.node_id, ARRIVAL.at)


@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    read(data)


@given(st.sampled_from(REAL), st.data())
def test_real_messages_with_altered_bytes(real: bytes, data: st.DataObject) -> None:
    altered = bytearray(real)
    for _ in range(data.draw(st.integers(1, 8))):
        altered[data.draw(st.integers(0, len(altered) - 1))] = data.draw(st.integers(0, 255))
    read(bytes(altered))


@given(st.sampled_from(REAL), st.data())
def test_real_messages_cut_short(real: bytes, data: st.DataObject) -> None:
    read(real[: data.draw(st.integers(0, len(real)))])


@given(st.sampled_from(REQUESTS), st.data())
def test_altered_requests(real: bytes, data: st.DataObject) -> None:
    altered = bytearray(real)
    for _ in range(data.draw(st.integers(1, 8))):
        altered[data.draw(st.integers(0, len(altered) - 1))] = data.draw(st.integers(0, 255))
    for decode in (wire_enrolment.decode_enrol, wire_enrolment.decode_renew):
        try:
            decode(bytes(altered), "192.0.2.1")
        except WireError:
            continue
