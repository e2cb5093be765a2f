"""The states of systemd's units, asked of systemctl once a minute. Starts and stops none."""

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import anyio

from agent.model import ServiceReading, ServiceState

BOOTED = Path("/run/systemd/system")  # sd_booted(3)
EVERY_SECONDS = 60.0
ANSWER_SECONDS_MAX = 10
OUTPUT_BYTES_MAX = 65_536
STATES = {
    "active": ServiceState.RUNNING,
    "reloading": ServiceState.RUNNING,
    "inactive": ServiceState.STOPPED,
    "failed": ServiceState.STOPPED,
    "deactivating": ServiceState.STOPPED,
}


class Services:
    """Some units and what was last heard of them."""

    def __init__(self, units: Sequence[str]) -> None:
        self._units = tuple(units)
        self._readings: tuple[ServiceReading, ...] = ()
        self._asked_at: float | None = None

    async def read(self) -> tuple[ServiceReading, ...]:
        if self._asked_at is None or time.monotonic() - self._asked_at >= EVERY_SECONDS:
            self._asked_at = time.monotonic()
            text = await _ask(self._units) if self._units and is_booted() else ""
            self._readings = parse(text, self._units)
        return self._readings


def is_booted() -> bool:
    """Is systemd the init of this machine?"""
    return BOOTED.is_dir()


def parse(text: str, units: Sequence[str]) -> tuple[ServiceReading, ...]:
    """What `systemctl show -p LoadState -p ActiveState UNIT…` said: one paragraph a unit, in the
    order asked. Anything else, and a unit systemd does not know, is unknown."""
    paragraphs = [
        dict(line.split("=", 1) for line in paragraph.splitlines() if "=" in line)
        for paragraph in text.strip().split("\n\n")
    ]
    if len(paragraphs) != len(units):
        paragraphs = [{} for _ in units]
    return tuple(
        ServiceReading(name=unit, state=_state(paragraph))
        for unit, paragraph in zip(units, paragraphs, strict=True)
    )


def _state(paragraph: dict[str, str]) -> ServiceState:
    if paragraph.get("LoadState") not in ("loaded", "masked"):
        return ServiceState.UNKNOWN
    return STATES.get(paragraph.get("ActiveState", ""), ServiceState.UNKNOWN)


async def _ask(units: tuple[str, ...]) -> str:
    """ "" whenever systemctl does not answer properly and in time: then all are unknown."""
    command = ["systemctl", "show", "-p", "LoadState", "-p", "ActiveState", "--", *units]
    try:
        with anyio.fail_after(ANSWER_SECONDS_MAX):
            done = await anyio.run_process(
                command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
            )
    except (OSError, TimeoutError):
        return ""
    if done.returncode != 0 or len(done.stdout) > OUTPUT_BYTES_MAX:
        return ""
    return done.stdout.decode("utf-8", "replace")
