"""The helper killed with -9 before each of its steps; the next one does what is left to do."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import helper_bed, postfix_bed
from tests.postfix_bed import PostfixBed

pytestmark = pytest.mark.needs("postfix", "root")

# Steps are what changes something: an edit, its settling, a check, a reload. The process ends
# before one of them, or, past the last, not at all.
STEPPING = """
import os, sys
directory, verb, left, root = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
def kill_before(event, arguments):
    global left
    if event == "os.posix_spawn":
        words = [os.fsdecode(word) for word in arguments[1]]
        is_step = words[0] == "postfix" or {"-e", "-X"} & set(words)
    else:
        is_step = event == "os.utime"
    if is_step and left == 0:
        left = -1
        os.kill(os.getpid(), 9)
    left -= bool(is_step)
sys.path.insert(0, root)
from agent.postfix.installation import Installation
from agent.postfix.verbs import Message
installation = Installation(directory)
sys.addaudithook(kill_before)
installation.answer(Message(verb))
"""
STEPS_MAX = 12


@pytest.fixture
def bed() -> Iterator[PostfixBed]:
    with postfix_bed.running() as bed:
        bed.postconf("-e", "defer_transports = uucp")
        bed.reload()
        yield bed


def killed_before(step: int, verb: str, bed: PostfixBed) -> bool:
    """False: it came to its end before that step."""
    words = (sys.executable, "-c", STEPPING, str(bed.config), verb, str(step))
    result = subprocess.run((*words, str(postfix_bed.ROOT)), timeout=60, check=False)
    assert result.returncode in (0, -9)
    return result.returncode == -9


@pytest.mark.timeout(120)
@pytest.mark.parametrize("verb, steps", [("pause", 4), ("resume", 6)])
async def test_killed_at_every_step_a_repeat_converges(
    bed: PostfixBed, verb: str, steps: int
) -> None:
    untouched = (bed.config / "main.cf").read_text()
    with helper_bed.client(bed) as client:
        for step in range(steps):
            await (client.resume() if verb == "pause" else client.pause())
            await helper_bed.loaded(client)
            assert killed_before(step, verb, bed)
            observed = await client.observe()
            assert "uucp" in observed.deferred  # whatever was reached, the operator's own stays
            if verb == "pause":
                await client.pause()
                assert (await helper_bed.closed(client)).paused
            else:
                await client.resume()
                assert (await helper_bed.loaded(client)).deferred == ("uucp",)
        await (client.resume() if verb == "pause" else client.pause())
        await helper_bed.loaded(client)
        assert not killed_before(steps, verb, bed)  # there is no further step
        await client.resume()
    assert (bed.config / "main.cf").read_text() == untouched
    names = {path.name for path in bed.config.iterdir()}
    assert names <= {"main.cf", "master.cf", "main.cf.tmp"}


@pytest.mark.parametrize("delay", [0.02, 0.15, 0.3])
async def test_killed_while_answering_a_new_helper_goes_on(bed: PostfixBed, delay: float) -> None:
    path = bed.directory / "helper.sock"
    with postfix_bed.helper(bed.config, path) as pid:
        asking = subprocess.Popen((sys.executable, "-c", ASK_PAUSE, str(path)))
        bed.wait_for(lambda: asking.poll() is not None or bool(_children(pid)))
        await asyncio.sleep(delay)
        os.kill(pid, 9)
        asking.wait(20)
    with helper_bed.client(bed) as client:
        await client.pause()
        await helper_bed.closed(client)


ASK_PAUSE = """
import socket, sys
client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
client.connect(sys.argv[1])
client.send(b"mailfleet-helper 1 pause\\n")
client.recv(1000)
"""


def _children(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except FileNotFoundError:
        return ""
