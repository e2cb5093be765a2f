"""What a zone says of its listings: shown whole, harmless, and without a key."""

import pytest

from demo.dns import DnsServer
from tests.agent.test_dnsbl_sweep import KEY, A, swept


@pytest.mark.parametrize("before", range(185, 202, 4))
async def test_no_part_of_a_key_is_left_where_a_reason_is_cut(before: int) -> None:
    async with DnsServer() as server:
        server.list(A)
        server.say("x" * before + KEY.reveal().upper())
        (said,) = await swept(server, A, key=KEY)
    rest = said.reason.lstrip("x")
    assert rest in {"<key>"[:n] + end for n in range(6) for end in ("", "…")}


async def test_a_reason_is_made_harmless() -> None:
    async with DnsServer() as server:
        server.list(A)
        server.say("\x1b[31mred\x00\r\n\u202e" + "x" * 250)
        (said,) = await swept(server, A)
    assert said.reason.startswith("[31mred x")
    assert said.reason.isprintable()
    assert len(said.reason) <= 200
