"""Joining, renewing and being revoked, over the wire with the real CA and store."""

from datetime import timedelta
from pathlib import Path

import anyio
import grpc
import pytest
from grpc import aio

from collector.adapters import ca
from collector.adapters.secrets import MasterKey
from protos import fleet_pb2 as pb
from tests.rpc_bed import Bed, bed, entry
from tests.rpc_node import hello, milliseconds, new_key, request

UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
INVALID = grpc.StatusCode.INVALID_ARGUMENT
PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
DENIED = grpc.StatusCode.PERMISSION_DENIED


async def test_a_node_that_joins_is_known_and_audited(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        identity = await collector.enrol(hostname="mail1.test", addresses=["198.51.100.7"])
        (node,) = await collector.store.nodes()
        assert (node["id"], node["name"]) == (identity.node_id, "mail1.test")
        assert identity.ca == collector.authority.ca_pem()
        assert f"spiffe://fleet.test/node/{identity.node_id}".encode() in identity.certificate_der
        actions = [row["text"] for row in await collector.audit()]
        assert any("node enrolled" in str(text) for text in actions), actions


async def refused(collector: Bed, **changes: object) -> aio.AioRpcError:
    with pytest.raises(aio.AioRpcError) as error:
        await collector.enrol(**changes)  # type: ignore[arg-type]
    return error.value


async def test_a_token_is_good_once(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        token = await collector.token()
        await collector.enrol(token=token)
        error = await refused(collector, token=token)
        assert error.code() is UNAUTHENTICATED
        assert str(error.details()).startswith("TOKEN_USED: ")
        assert len(await collector.store.nodes()) == 1
        assert await codes(collector) == ["TOKEN_USED"]


async def test_a_token_is_good_for_thirty_minutes(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        early, late = await collector.token(), await collector.token()
        collector.clock.off = timedelta(minutes=29)
        await collector.enrol(token=early)
        collector.clock.off = timedelta(minutes=31)
        error = await refused(collector, token=late)
        assert str(error.details()).startswith("TOKEN_EXPIRED: ")
        assert await codes(collector) == ["TOKEN_EXPIRED"]


@pytest.mark.parametrize("token", ["mft1." + "A" * 43 + "." + "0" * 64, "rubbish", ""])
async def test_a_wrong_token_is_refused_and_shown_nowhere(tmp_path: Path, token: str) -> None:
    async with bed(tmp_path) as collector:
        key = new_key()
        message = pb.EnrolRequest(
            token=token,
            csr_der=request(key),
            machine_id="m",
            hostname="h",
            addresses=["192.0.2.1"],
            sent_at_ms=milliseconds(collector.clock.now()),
        )
        with pytest.raises(aio.AioRpcError) as error:
            await collector.ask("Enrol", message.SerializeToString())
        assert error.value.code() is UNAUTHENTICATED
        assert str(error.value.details()).startswith("TOKEN_UNKNOWN: ")
        (row,) = [row for row in await collector.audit() if "refused" in str(row["text"])]
        assert not token or token not in str(row)


ABSURD: list[dict[str, object]] = [
    {"machine_id": ""},
    {"machine_id": "m" * 65},
    {"machine_id": "m\n"},
    {"hostname": ""},
    {"hostname": "h" * 254},
    {"addresses": []},
    {"addresses": ["nonsense"]},
    {"addresses": ["192.0.2.1", "192.0.2.1"]},
    {"addresses": [f"192.0.2.{n}" for n in range(65)]},
    {"sent_at_ms": 0},
    {"sent_at_ms": -1},
    {"token": "t" * 501},
]


@pytest.mark.parametrize("changes", ABSURD, ids=lambda changes: str(changes)[:40])
async def test_absurd_requests_are_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    async with bed(tmp_path) as collector:
        token = await collector.token()
        error = await refused(collector, **({"token": token} | changes))
        assert error.code() is INVALID
        assert str(error.details()).startswith("ABSURD: ")
        assert await codes(collector) == ["ABSURD"]
        await collector.enrol(token=token)


async def test_a_bad_csr_does_not_use_the_token(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        token = await collector.token()
        error = await refused(collector, token=token, csr_der=b"rubbish")
        assert error.code() is INVALID
        assert str(error.details()).startswith("CSR_INVALID: ")
        await collector.enrol(token=token)


@pytest.mark.parametrize("hours, works", [(-25, False), (-1, True), (1, True), (25, False)])
async def test_a_clock_a_day_off_is_refused_an_hour_works(
    tmp_path: Path, hours: int, works: bool
) -> None:
    async with bed(tmp_path) as collector:
        token = await collector.token()
        sent = milliseconds(collector.clock.now() + timedelta(hours=hours))
        if works:
            assert (await collector.enrol(token=token, sent_at_ms=sent)).node_id
            return
        error = await refused(collector, token=token, sent_at_ms=sent)
        assert error.code() is PRECONDITION
        assert str(error.details()).startswith("CLOCK: your clock is 25 hours")
        assert "timedatectl" in str(error.details())


async def test_a_node_that_trusts_another_ca_does_not_speak(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        now = collector.clock.now()
        other = ca.create(tmp_path / "other", "x.test", secrets=MasterKey(bytes(32)), now=now)
        with pytest.raises(aio.AioRpcError) as error:
            await collector.ask("Enrol", b"", trust=other.ca_pem())
        assert error.value.code() is grpc.StatusCode.UNAVAILABLE
        assert "CERTIFICATE_VERIFY_FAILED" in str(error.value.details())


async def test_a_revoked_node_is_cut_off_within_a_second_and_stays_out(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        node, healthy = await collector.enrol(), await collector.enrol(machine_id="machine-2")
        call, other = collector.connect(node), collector.connect(healthy)
        await call.greet()
        await other.greet(machine_id="machine-2")
        await call.beat(1)
        revoking = entry("revoke", node.node_id, now=collector.clock.now())
        assert await collector.register.revoke(node.node_id, revoking) == 1
        with anyio.fail_after(1):
            error = await call.refusal()
        assert error.code() is DENIED
        assert str(error.details()).startswith("REVOKED: ")
        assert "token" in str(error.details())
        again = await collector.connect(node).refusal()
        assert (again.code(), str(again.details())[:8]) == (DENIED, "REVOKED:")
        with pytest.raises(aio.AioRpcError, match="REVOKED"):
            await collector.renew(node)
        await other.beat(1)
        assert collector.streams.connected() == {healthy.node_id}
    async with bed(tmp_path) as collector:
        after = await collector.connect(node).refusal()
        assert str(after.details()).startswith("REVOKED: ")
        await collector.connect(healthy).greet(machine_id="machine-2", sequence=1)


async def test_a_node_revoked_before_its_hello_is_not_let_in(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        node = await collector.enrol()
        call = collector.connect(node)
        await call.call.wait_for_connection()
        await anyio.sleep(0.2)
        revoking = entry("revoke", node.node_id, now=collector.clock.now())
        await collector.register.revoke(node.node_id, revoking)
        await call.say(hello())
        error = await call.refusal()
        assert str(error.details()).startswith("REVOKED: ")


async def test_an_ended_certificate_opens_no_stream_but_is_renewed(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        collector.clock.off = timedelta(days=-40)
        ended = await collector.enrol()
        collector.clock.off = timedelta(0)
        error = await collector.connect(ended).refusal()
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        renewed = await collector.renew(ended)
        assert (await collector.connect(renewed).greet()).node_id == ended.node_id


async def test_a_revoked_node_returns_with_a_token_of_its_own(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        first = await collector.enrol()
        call = collector.connect(first)
        await call.greet()
        token = await collector.token(first.node_id)
        second = await collector.enrol(token=token)
        assert second.node_id == first.node_id
        assert (await call.refusal()).code() is DENIED
        assert "REVOKED" in str((await collector.connect(first).refusal()).details())
        assert (await collector.connect(second).greet()).node_id == first.node_id
        assert len(await collector.store.nodes()) == 1


async def codes(collector: Bed) -> list[str]:
    """The refusals in the audit log."""
    rows = [row for row in await collector.audit() if "refused" in str(row["text"])]
    return [str(row["details"]["after"]["code"]) for row in rows]  # type: ignore[index]
