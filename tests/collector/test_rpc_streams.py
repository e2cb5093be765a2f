"""One node, one stream: from the token to the ack."""

from pathlib import Path

from tests.rpc_bed import bed


async def test_a_node_enrols_says_hello_and_gets_an_ack_for_each_heartbeat(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        call = collector.connect(identity)
        welcome = await call.greet()
        assert welcome.node_id == identity.node_id
        for sequence in (1, 2, 3):
            ack = await call.beat(sequence)
            assert ack.epoch == "epoch-1"
        account = await collector.store.account(identity.node_id)
        assert account is not None
        assert (account.sequence, account.log_position) == (3, b"position-3")
