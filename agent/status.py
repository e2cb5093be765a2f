"""What the daemon last said of itself, in one small file: `mailfleet-agent status` reads it."""

import errno
import json
import os
from pathlib import Path

NAME = "status.json"
BYTES_MAX = 262_144
ROWS_MAX, LINE_MAX = 250, 400  # of what has no bound of its own
BLOCK_BYTES = 4096
ROOM_BYTES = BLOCK_BYTES + 2048  # for the problems that come with a full disk


class StatusError(Exception):
    """There is no readable word of the daemon."""


def write(folder: Path, status: dict[str, object]) -> None:
    """Replaced as a whole, not synced: after a crash there is nothing to know. Where the disk is
    full, over the last word, whose blocks are there. OSError when the disk would not have it."""
    body = json.dumps(status).encode()
    if len(body) > BYTES_MAX - ROOM_BYTES:
        body = json.dumps(_shortened(status)).encode()
    draft, path = folder / f".{NAME}", folder / NAME
    try:
        draft.write_bytes(body.ljust((len(body) + ROOM_BYTES) // BLOCK_BYTES * BLOCK_BYTES))
        draft.replace(path)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT) or not path.exists():
            raise
        draft.unlink(missing_ok=True)
        with path.open("r+b") as file:
            file.write(body.ljust(path.stat().st_size))


def _shortened(status: dict[str, object]) -> dict[str, object]:
    """Of a node with very many zones and addresses: what is not clear first, and not all of it."""
    zones, problems = status.get("zones"), status.get("problems")
    known = zones if isinstance(zones, list) else []
    told = sorted(known, key=lambda one: one["verdict"] == "clear")[:ROWS_MAX]
    said = [str(one)[:LINE_MAX] for one in problems] if isinstance(problems, list | tuple) else []
    return status | {
        "zones": told,
        "zones_left_out": len(known) - len(told),
        "problems": said[:ROWS_MAX],
    }


def read(folder: Path) -> dict[str, object]:
    path = folder / NAME
    try:
        with path.open("rb") as file:
            status = json.loads(file.read(BYTES_MAX))
    except FileNotFoundError as error:
        raise StatusError(f"{path}: no such file: the daemon has not run yet") from error
    except (OSError, ValueError) as error:
        raise StatusError(f"{path}: {error}") from error
    if not isinstance(status, dict):
        raise StatusError(f"{path}: not an object")
    return status


def sentence(status: dict[str, object]) -> str:
    """One line for systemd and for people."""
    stream = (
        "connected" if status.get("is_connected") else f"no stream ({status['uplink_problem']})"
    )
    pauses = status.get("pauses")
    reasons = ", ".join(map(str, pauses)) if isinstance(pauses, list) else ""
    silent = "silent" if status.get("is_silent") else str(status.get("convergence"))
    sends = f"paused: {reasons} ({silent})" if reasons else "may send"
    counts = f"heartbeat {status['sequence']}, acknowledged {status['acknowledged']}"
    return f"{stream}; {sends}; {counts}"


def unknown_lines(status: dict[str, object]) -> list[str]:
    """What of the log was not understood, a line each; nothing where all of it was."""
    told = status.get("unknown_lines")
    if not isinstance(told, dict):
        return []
    hosts = told.get("hosts") or {}
    others = ", ".join(f"{host} {count}" for host, count in hosts.items())
    foreign = [f"lines of other machines in the log, not counted: {others}"] if others else []
    if not told["unknown"]:
        return foreign
    counts = {**told["daemons"], "deliveries": told["deliveries"], "too long": told["overlong"]}
    parts = ", ".join(f"{name} {count}" for name, count in counts.items() if count)
    share = f"{told['unknown'] / told['lines']:.3%}"
    head = f"{told['unknown']} of {told['lines']} lines not understood ({share}): {parts}"
    return [head, *map(str, told["newest"]), *foreign]


def is_alive(status: dict[str, object]) -> bool:
    """Whether the process that wrote it still runs."""
    pid = status.get("pid")
    if not isinstance(pid, int) or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
