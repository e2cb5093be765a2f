"""Alertmanager as a channel, against the real one."""

import asyncio
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from collector.adapters import notify
from collector.core.channels import Alertmanager, Secret
from collector.core.model import Severity
from collector.core.notice import Occasion
from collector.ports_notify import Channel, ChannelError
from tests.core.said import notice
from tests.notify_bed import FLEET, around


def built(settings: Alertmanager, secret: Secret | None) -> Channel:
    return notify.build(settings, secret, around=around())


@contextmanager
def alertmanager(folder: Path) -> Iterator[str]:
    config = folder / "am.yml"
    config.write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [
            *("prometheus-alertmanager", f"--config.file={config}"),
            *(f"--storage.path={folder / 'am'}", "--cluster.listen-address="),
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


async def alerts(url: str) -> list[dict[str, Any]]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{url}/api/v2/alerts?active=true") as answer,
    ):
        found: list[dict[str, Any]] = await answer.json()
        return found


@pytest.mark.needs("alertmanager")
async def test_a_real_alertmanager_knows_what_stands(tmp_path: Path) -> None:
    with alertmanager(tmp_path) as url:
        channel = built(Alertmanager(name="am", url=url + "/"), None)
        for _ in range(100):
            try:
                assert await channel.check() == "ready"
                break
            except ChannelError:
                await asyncio.sleep(0.1)
        medium = notice(severity=Severity.MEDIUM, tenant="t1")
        assert (await channel.send(medium)).startswith("200")
        (one,) = await alerts(url)
        assert one["labels"] == {
            "alertname": "mailfleet",
            "cause": "listed",
            "zone": "zen.spamhaus.org",
            "severity": "medium",
            "fleet": FLEET,
            "incident": "1.1795348800",
            "tenant": "t1",
        }
        assert one["annotations"]["summary"] == medium.title
        assert one["annotations"]["alert"] == "infrastructure-critical"
        ends = one["endsAt"]
        await asyncio.sleep(0.01)
        await channel.refresh([medium])
        (again,) = await alerts(url)
        assert again["endsAt"] > ends, "what stands is repeated before its end"
        graver = notice(sequence=2, tenant="t1", was=Severity.MEDIUM)
        await channel.send(graver)
        (now,) = await alerts(url)
        assert now["labels"]["severity"] == "high", "the one of the former severity is over"
        await channel.send(notice(sequence=3, event=Occasion.RESOLVED, tenant="t1"))
        assert await alerts(url) == []


async def test_an_alertmanager_that_is_away(free_port: int) -> None:
    channel = built(Alertmanager(name="am", url=f"http://127.0.0.1:{free_port}"), Secret("token"))
    for act in (lambda: channel.send(notice()), channel.check, lambda: channel.refresh([notice()])):
        with pytest.raises(ChannelError) as failure:
            await act()
        assert failure.value.retryable
