"""Renews this node's certificate when two thirds of its life are over, in a process of its own.

That process alone loads cryptography, for a second or two a month. Here is only when, and whether
it worked.
"""

import subprocess
import sys
from datetime import datetime, timedelta

import anyio
import structlog

from agent.membership import Identity

CHECK_EVERY = timedelta(hours=1)
RENEWAL_SECONDS_MAX = 120
OUTPUT_MAX = 500
COMMAND = (sys.executable, "-I", "-m", "agent", "renew")

log = structlog.get_logger()


def is_due(identity: Identity | None, now: datetime) -> bool:
    return identity is not None and now >= identity.renewal_at()


async def renew() -> str:
    """Runs `mailfleet-agent renew` with our configuration; what went wrong, or ""."""
    try:
        with anyio.fail_after(RENEWAL_SECONDS_MAX):
            done = await anyio.run_process(COMMAND, stdin=subprocess.DEVNULL, check=False)
    except TimeoutError:
        return f"renewing took more than {RENEWAL_SECONDS_MAX} s"
    except OSError as error:
        return f"{COMMAND[0]}: {error.strerror}"
    if done.returncode != 0:
        return f"renewal failed: {done.stderr[-OUTPUT_MAX:].decode('utf-8', 'replace').strip()}"
    log.info("certificate renewed")
    return ""
