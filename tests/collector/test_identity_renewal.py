"""Renewing a certificate, also one that ended, and rotating the CA; over the wire."""

from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from grpc import aio

from collector.adapters import ca
from collector.adapters.secrets import MasterKey
from tests.rpc_bed import Bed, bed, entry
from tests.rpc_node import Identity, key_pem, new_key, request

UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION


async def test_renewal_with_proof_of_the_old_key(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        old = await collector.enrol()
        new = await collector.renew(old)
        assert new.node_id == old.node_id
        assert new.certificate != old.certificate
        # Both are good until they end: the second stream opens before the first closes.
        for identity in (old, new):
            assert (await collector.connect(identity).greet()).node_id == old.node_id
        assert any("certificate renewed" in str(row["text"]) for row in await collector.audit())


@pytest.mark.parametrize("days, code", [(40, ""), (30 + 179, ""), (30 + 182, "TOO_OLD")])
async def test_an_expired_certificate_is_renewed_for_180_days(
    tmp_path: Path, days: int, code: str
) -> None:
    async with bed(tmp_path) as collector:
        old = await collector.enrol()
        collector.clock.off = timedelta(days=days)
        if not code:
            assert (await collector.renew(old)).node_id == old.node_id
            return
        with pytest.raises(aio.AioRpcError) as error:
            await collector.renew(old)
        assert error.value.code() is PRECONDITION
        assert "CERTIFICATE_TOO_OLD" in str(error.value.details())


@pytest.mark.parametrize(
    "changes, code",
    [
        ({"signature": b"rubbish"}, "PROOF_WRONG"),
        ({"nonce": b"rubbish"}, "NONCE_WRONG"),
        ({"nonce": b""}, "NONCE_WRONG"),
        ({"csr_der": request(new_key())}, "NONCE_WRONG"),
        ({"certificate_der": b"rubbish"}, "NONCE_WRONG"),
    ],
)
async def test_a_renewal_without_proof_is_refused(
    tmp_path: Path, changes: dict[str, object], code: str
) -> None:
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        with pytest.raises(aio.AioRpcError) as error:
            await collector.renew(identity, **changes)
        assert error.value.code() is UNAUTHENTICATED
        assert str(error.value.details()).startswith(f"{code}: ")
        assert await codes(collector) == [code]
        (node,) = await collector.store.nodes()
        assert node["id"] == identity.node_id


async def test_another_key_proves_nothing(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        node = await collector.enrol()
        thief = Identity(node.node_id, key_pem(new_key()), node.certificate, node.ca)
        with pytest.raises(aio.AioRpcError) as error:
            await collector.renew(thief)
        assert "PROOF_WRONG" in str(error.value.details())


async def test_a_certificate_of_another_fleet_is_not_renewed(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        now = collector.clock.now()
        other = ca.create(tmp_path / "other", "x.test", secrets=MasterKey(bytes(32)), now=now)
        key = new_key()
        pem, _ = other.issue(request(key), node_id="n", now=now)
        stranger = Identity("n", key_pem(key), pem, collector.authority.ca_pem())
        with pytest.raises(aio.AioRpcError) as error:
            await collector.renew(stranger)
        assert error.value.code() is UNAUTHENTICATED
        assert "CERTIFICATE_UNKNOWN" in str(error.value.details())


async def test_a_node_may_not_renew_for_ever(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        for _ in range(31):
            identity = await collector.renew(identity)
        with pytest.raises(aio.AioRpcError, match="RENEWED_TOO_OFTEN"):
            await collector.renew(identity)
        collector.clock.off = timedelta(days=31)
        assert (await collector.renew(identity)).node_id == identity.node_id


async def test_after_a_rotation_old_and_new_nodes_come_in_without_a_restart(
    tmp_path: Path,
) -> None:
    async with bed(tmp_path) as collector:
        old = await collector.enrol()
        rotation = entry("rotate", "ca", now=collector.clock.now())
        await collector.register.rotate_ca(rotation)
        assert collector.listeners.refresh()
        new = await collector.enrol(machine_id="machine-2")
        assert new.ca.count(b"BEGIN CERTIFICATE") == 2
        await collector.connect(old).greet()
        await collector.connect(new).greet(machine_id="machine-2")
        renewed = await collector.renew(old)
        assert renewed.ca == new.ca
        await collector.connect(renewed).greet()
        with pytest.raises(Exception, match="renewed by themselves"):
            await collector.register.rotate_ca(rotation)


async def codes(collector: Bed) -> list[str]:
    """The refusals in the audit log."""
    rows = [row for row in await collector.audit() if "refused" in str(row["text"])]
    return [str(row["details"]["after"]["code"]) for row in rows]  # type: ignore[index]
