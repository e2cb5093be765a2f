"""Nonsense on a stream ends that stream, with a reason, in the audit log; others go on."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import aio

from collector.adapters import ca
from collector.adapters.secrets import MasterKey
from collector.operate.overview import rows_of
from protos import fleet_pb2 as pb
from tests.rpc_bed import Bed, bed
from tests.rpc_node import Call, Identity, heartbeat, hello, key_pem, new_key, request

INVALID = grpc.StatusCode.INVALID_ARGUMENT


@contextlib.asynccontextmanager
async def beside_a_healthy_one(folder: Path) -> AsyncIterator[tuple[Bed, Identity]]:
    """A node that may misbehave, beside one that must not notice."""
    async with bed(folder) as collector:
        identity = await collector.enrol()
        other = collector.connect(await collector.enrol(machine_id="healthy"))
        await other.greet(machine_id="healthy", run_id="healthy")
        await other.beat(1)
        yield collector, identity
        await other.beat(2)


async def test_no_node_carries_the_fleet_to_the_end_of_the_terms(tmp_path: Path) -> None:
    """Terms end where the wire's numbers do: a fleet that was there could say Hello no more."""
    async with beside_a_healthy_one(tmp_path) as (collector, identity):
        term = collector.reign.term
        call = collector.connect(identity)
        await call.say(hello(term_highest=2**62 - 1))
        error = await call.refusal()
        assert error.code() is INVALID
        assert str(error.details()).startswith("ABSURD: ")
        assert collector.reign.term == term


async def test_answers_no_judgement_could_use_are_not_kept(tmp_path: Path) -> None:
    """Of unheard-of zones, and about addresses of others: a liar's could have no end."""
    async with beside_a_healthy_one(tmp_path) as (collector, identity):
        call = collector.connect(identity)
        await call.greet(addresses=["198.51.100.7"])
        ours = answer("198.51.100.7", zone="zen.spamhaus.org")
        others = [answer(f"203.0.113.{n}", zone="zen.spamhaus.org") for n in range(9)]
        unheard_of = [answer("198.51.100.7", zone=f"zone-{n}.test") for n in range(9)]
        await call.beat(1, zones=[ours, *others, *unheard_of])
        (row,) = await collector.store.nodes(node=identity.node_id)
        assert [(one["address"], one["zone"]) for one in rows_of(row, "zones")] == [
            ("198.51.100.7", "zen.spamhaus.org")
        ]


def answer(address: str, *, zone: str) -> pb.ZoneReading:
    return pb.ZoneReading(
        address=address,
        zone=zone,
        verdict=pb.VERDICT_CLEAR,
        sentinels=pb.SENTINELS_RIGHT,
        checked_at_ms=1_795_000_000_000,
    )


async def refusals(collector: Bed) -> list[dict[str, Any]]:
    return [row for row in await collector.audit() if "refused" in str(row["text"])]


@pytest.mark.parametrize(
    "changes",
    [
        {"host": pb.HostReading(cpu_ratio=float("nan"))},
        {"queue": pb.QueueReading(deferred=2**63)},
        {"cells": [pb.Cell(receiver="x")] * 2_113},
        {"agent": None},
        {"epoch": "e\x1b[2J"},
    ],
    ids=lambda changes: str(changes)[:60],
)
async def test_an_absurd_heartbeat_ends_its_stream_alone(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    async with beside_a_healthy_one(tmp_path) as (collector, identity):
        call = collector.connect(identity)
        await call.greet()
        await call.say(heartbeat(**({"sequence": 1} | changes)))  # type: ignore[arg-type]
        error = await call.refusal()
        assert error.code() is INVALID
        assert str(error.details()).startswith("ABSURD: ")
        (row,) = await refusals(collector)
        assert row["node_id"] == identity.node_id or identity.node_id in str(row)
        account = await collector.store.account(identity.node_id)
        assert account is not None
        assert account.sequence == 0


@pytest.mark.parametrize("changes", [{"machine_id": ""}, {"addresses": ["x"]}], ids=str)
async def test_an_absurd_hello_is_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    async with beside_a_healthy_one(tmp_path) as (collector, identity):
        call = collector.connect(identity)
        await call.say(hello(**changes))
        error = await call.refusal()
        assert error.code() is INVALID
        assert str(error.details()).startswith("ABSURD: ")
        assert len(await refusals(collector)) == 1
        assert identity.node_id not in collector.streams.connected()


@pytest.mark.parametrize(
    "data", [b"rubbish", pb.AgentMessage(hello=pb.Hello()).SerializeToString()]
)
async def test_bytes_that_are_no_hello_are_refused(tmp_path: Path, data: bytes) -> None:
    async with beside_a_healthy_one(tmp_path) as (collector, identity):
        call = collector.connect(identity)
        await call.say(data)
        assert (await call.refusal()).code() is INVALID


async def test_a_heartbeat_before_a_hello_is_refused(tmp_path: Path) -> None:
    async with beside_a_healthy_one(tmp_path) as (collector, identity):
        call = collector.connect(identity)
        await call.say(heartbeat(1))
        error = await call.refusal()
        assert error.code() is INVALID
        assert "not a Hello" in str(error.details())


async def test_a_second_hello_of_another_process_is_refused(tmp_path: Path) -> None:
    async with beside_a_healthy_one(tmp_path) as (collector, identity):
        call = collector.connect(identity)
        await call.greet()
        await call.say(hello(run_id="run-2"))
        assert (await call.refusal()).code() is INVALID


@pytest.mark.parametrize("size", [262_145, 400_000, 2_000_000])
async def test_an_oversized_message_ends_its_stream_alone(tmp_path: Path, size: int) -> None:
    async with beside_a_healthy_one(tmp_path) as (collector, identity):
        call = collector.connect(identity)
        await call.greet()
        await call.say(bytes(size))
        error = await call.refusal()
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "bytes" in str(error.details()) or "larger than max" in str(error.details())
        if size < 2 * 262_144:
            (row,) = await refusals(collector)
            assert "TOO_LARGE" in str(row)
        await collector.connect(identity).greet()


async def test_a_message_at_the_limit_is_read(tmp_path: Path) -> None:
    async with beside_a_healthy_one(tmp_path) as (collector, identity):
        call = collector.connect(identity)
        await call.greet()
        await call.say(bytes(262_144))
        assert (await call.refusal()).code() is INVALID


async def test_a_stream_of_another_fleet_s_ca_is_refused_in_the_handshake(tmp_path: Path) -> None:
    async with beside_a_healthy_one(tmp_path) as (collector, identity):
        now = collector.clock.now()
        other = ca.create(tmp_path / "other", "x.test", secrets=MasterKey(bytes(32)), now=now)
        key = new_key()
        pem, _ = other.issue(request(key), node_id=identity.node_id, now=now)
        stranger = Identity(identity.node_id, key_pem(key), pem, identity.ca)
        error = await collector.connect(stranger).refusal()
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        # The node's view of a collector it does not trust.
        mistrust = Identity(identity.node_id, identity.key, identity.certificate, other.ca_pem())
        error = await collector.connect(mistrust).refusal()
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        assert "CERTIFICATE_VERIFY_FAILED" in str(error.details())


async def test_a_certificate_of_our_ca_for_another_fleet_is_refused(tmp_path: Path) -> None:
    async with beside_a_healthy_one(tmp_path) as (collector, identity):
        authority = collector.authority
        authority._fleet = "another.test"
        key = new_key()
        pem, _ = authority.issue(request(key), node_id=identity.node_id, now=collector.clock.now())
        authority._fleet = "fleet.test"
        stranger = Identity(identity.node_id, key_pem(key), pem, identity.ca)
        error = await collector.connect(stranger).refusal()
        assert error.code() is grpc.StatusCode.UNAUTHENTICATED
        assert str(error.details()).startswith("OTHER_FLEET: ")
        assert len(await refusals(collector)) == 1


async def test_a_certificate_speaks_for_the_node_it_was_issued_to_alone(tmp_path: Path) -> None:
    """The name in it is not enough: a CA that signed the wrong name is not believed."""
    async with beside_a_healthy_one(tmp_path) as (collector, identity):
        key, now = new_key(), collector.clock.now()
        pem, certificate = collector.authority.issue(
            request(key), node_id=identity.node_id, now=now
        )
        other = await collector.enrol(machine_id="machine-9")
        collector.register._bearers.add(replace(certificate, node_id=other.node_id))
        liar = Identity(identity.node_id, key_pem(key), pem, identity.ca)
        call = collector.connect(liar)
        await call.say(hello())
        error = await call.refusal()
        assert error.code() is grpc.StatusCode.UNAUTHENTICATED
        assert str(error.details()) == (
            "CERTIFICATE_WRONG: the certificate was issued to another node"
        )
        assert any("CERTIFICATE_WRONG" in str(row) for row in await refusals(collector))
        assert identity.node_id not in collector.streams.connected()


async def test_who_has_no_certificate_does_not_speak(tmp_path: Path) -> None:
    async with beside_a_healthy_one(tmp_path) as (collector, identity):
        assert collector.fleet is not None
        credentials = grpc.ssl_channel_credentials(identity.ca)
        channel = aio.secure_channel(f"127.0.0.1:{collector.fleet.port}", credentials)
        error = await Call(channel).refusal()
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        await channel.close()


async def test_a_listener_s_certificate_is_no_node(tmp_path: Path) -> None:
    async with beside_a_healthy_one(tmp_path) as (collector, identity):
        own = collector.listeners.certificate
        impostor = Identity(identity.node_id, own.key_pem, own.certificate_pem, identity.ca)
        error = await collector.connect(impostor).refusal()
        assert error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAUTHENTICATED)


async def test_a_flood_of_nonsense_is_audited_at_a_bounded_pace(tmp_path: Path) -> None:
    async with beside_a_healthy_one(tmp_path) as (collector, identity):
        for _ in range(5):
            call = collector.connect(identity)
            await call.say(b"rubbish")
            await call.refusal()
        assert len(await refusals(collector)) == 1
        collector.clock.off += collector.policy.heartbeat_interval * 3
        call = collector.connect(identity)
        await call.say(b"rubbish")
        await call.refusal()
        rows = await refusals(collector)
        assert len(rows) == 2
        assert rows[1]["details"]["after"]["suppressed_before"] == 4
