"""The demo as a newcomer meets it: one command, a story, a question, Ctrl-C."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import tomllib

ROOT = Path(__file__).resolve().parents[2]
ENVIRON = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
READY_SECONDS_MAX = 60.0  # 15 s on a quiet machine of two cores
STOP_SECONDS_MAX = 30.0

pytestmark = [pytest.mark.xdist_group("fleet"), pytest.mark.timeout(240)]


@contextmanager
def demo(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """`python -m demo` in a folder of its own; killed with all its children should a test fail."""
    with (folder / "said.txt").open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "demo"],
            cwd=folder,
            env=ENVIRON,
            stdout=said,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        yield process
    finally:
        left = [*children(process.pid), process.pid] if process.poll() is None else []
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        process.wait()


def children(pid: int) -> list[int]:
    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


def said(folder: Path) -> str:
    return (folder / "said.txt").read_text()


def interrupt(process: subprocess.Popen[str], folder: Path) -> None:
    """Ctrl-C: within seconds nothing is left, neither a process nor a folder of sockets."""
    sockets = Path(tomllib.loads((folder / ".run/demo/context.toml").read_text())["socket"]).parent
    left = children(process.pid)
    assert left, "a collector and agents ran"
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=STOP_SECONDS_MAX) == 0
    assert "demo: stopped" in said(folder)
    assert [pid for pid in left if psutil.pid_exists(pid)] == []
    assert not sockets.exists()


def until(question: Any, *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < deadline, f"not within {seconds:g} s"
        time.sleep(0.2)


def mailfleet(folder: Path, *words: str) -> str:
    """As printed by the demo: the context file says where it is. Fails when the command does."""
    ran = subprocess.run(
        [sys.executable, "-m", "collector.cli", *words],
        cwd=folder,
        env={**ENVIRON, "MAILFLEET_CONTEXT": str(folder / ".run/demo/context.toml")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, (words, ran.stdout, ran.stderr)
    return ran.stdout


def test_a_story_from_beginning_to_end(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        until(lambda: "Ctrl-C ends it" in said(tmp_path), seconds=READY_SECONDS_MAX)
        sys.stdout.write(said(tmp_path))
        ready = re.search(r"ready after ([\d.]+) s: one collector, 12 agents", said(tmp_path))
        assert ready
        assert float(ready[1]) <= READY_SECONDS_MAX
        assert str(tmp_path / ".run/demo/context.toml") in said(tmp_path)

        told = mailfleet(tmp_path, "demo", "incident", "spamhaus")
        assert "node-05" in told
        until(lambda: paused(tmp_path) == ["node-05"], seconds=60)
        assert "node-05" in mailfleet(tmp_path, "status")
        why = mailfleet(tmp_path, "why", "node-05")
        for word in ("zen.spamhaus.org", "127.0.0.2", "LISTED"):
            assert word in why, why
        until(lambda: events(tmp_path) == ["opened"], seconds=30)

        mailfleet(tmp_path, "demo", "incident", "calm")
        until(lambda: paused(tmp_path) == [], seconds=60)
        until(lambda: events(tmp_path) == ["opened", "resolved"], seconds=30)
        opened, over = notices(tmp_path)
        assert "node-05" in opened["title"]
        assert opened["did"] == ["198.51.100.5 is paused (LISTED)"]
        assert over["thread"] == opened["thread"]
        assert f"told: {over['title']}" in said(tmp_path)
        assert len(incidents(tmp_path, "--all")) == 1

        for story, wrong in UNBELIEVED.items():
            a_zone_is_not_believed(tmp_path, story, wrong)
        interrupt(process, tmp_path)


UNBELIEVED = {
    "resolver-refused": "refused 127.255.255.254",
    "list-gone-mad": "sentinel 127.0.0.1 listed",
}


def a_zone_is_not_believed(folder: Path, story: str, wrong: str) -> None:
    """Every node says so, nobody is paused for it, and it is told why not."""
    mailfleet(folder, "demo", "incident", story)
    until(lambda: [row["standing"] for row in incidents(folder)] == [12], seconds=60)
    assert incidents(folder)[0]["cause"] == "quarantine:zen.spamhaus.org"
    assert paused(folder) == []
    assert "12 nodes do not believe zen.spamhaus.org" in mailfleet(folder, "status")
    why = mailfleet(folder, "why", "node-05")
    for words in ("zen.spamhaus.org is not believed", wrong, "it pauses nobody"):
        assert words in why, why
    mailfleet(folder, "demo", "incident", "calm")
    until(lambda: incidents(folder) == [], seconds=60)
    assert "PAUSE" not in mailfleet(folder, "why", "node-06")


def notices(folder: Path) -> list[dict[str, Any]]:
    """What people were told, in its order."""
    file = folder / ".run/demo/notices.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def events(folder: Path) -> list[str]:
    return [str(one["event"]) for one in notices(folder)]


def incidents(folder: Path, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        mailfleet(folder, "alert", "ls", *words, "-o", "json")
    )["items"]
    return found


def paused(folder: Path) -> list[str]:
    nodes = json.loads(mailfleet(folder, "node", "ls", "-o", "json"))["items"]
    assert len(nodes) == 12
    return sorted(node["name"] for node in nodes if node["status"] == "paused")


def test_interrupted_while_it_comes_up(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        until(lambda: (tmp_path / ".run/demo/context.toml").exists(), seconds=READY_SECONDS_MAX)
        until(lambda: len(children(process.pid)) >= 3, seconds=READY_SECONDS_MAX)
        interrupt(process, tmp_path)
