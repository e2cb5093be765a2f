"""Running one command: its exit, its words, and the bounds it cannot pass."""

import os
import time
from pathlib import Path

import pytest

from agent.postfix import commands
from agent.postfix.commands import PostfixProblem


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script to be filled, in the place where Postfix's commands are looked for."""
    monkeypatch.setattr(commands, "COMMANDS_AT", str(tmp_path))
    path = tmp_path / "postx"
    path.touch(mode=0o755)
    return path


def script(program: Path, text: str) -> None:
    program.write_text(f"#!/bin/sh\n{text}\n")


def test_stdout_comes_back_and_the_arguments_go_as_they_are(program: Path) -> None:
    script(program, 'printf "%s|" "$@"')
    words = ("-e", "a = $b; rm -rf /", "", "x\ny", "é")
    assert commands.run("postx", *words) == "".join(f"{word}|" for word in words)


def test_the_environment_is_clean(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_CONFIG", "/somewhere/else")
    monkeypatch.setenv("LD_PRELOAD_OF_MINE", "x")
    script(program, "/usr/bin/env; read line; echo stdin=$line")
    said = set(commands.run("postx").splitlines())
    assert {"LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "stdin="} <= said
    assert not any("MAIL_CONFIG" in line or "LD_PRELOAD" in line for line in said)


def test_a_failure_is_said_in_the_command_s_own_words(program: Path) -> None:
    script(program, "echo ignored; echo 'fatal: no such thing' >&2; exit 3")
    with pytest.raises(PostfixProblem) as caught:
        commands.run("postx", "-c", "/etc/postfix", "check")
    words = " ".join(caught.value.text.split())
    assert words == "postx check: exit status 3; fatal: no such thing"
    assert not caught.value.retryable


def test_what_speaks_only_to_a_terminal_speaks_to_us(program: Path) -> None:
    script(program, "test -t 2 && echo 'a terminal' >&2; test -t 1 || echo 'a pipe' >&2; exit 1")
    with pytest.raises(PostfixProblem, match=r"a terminal\s+a pipe"):
        commands.run("postx")


def test_a_command_that_is_not_there_is_a_problem(program: Path) -> None:
    program.unlink()
    with pytest.raises(PostfixProblem, match="No such file") as caught:
        commands.run("postx")
    assert caught.value.retryable


def test_a_command_that_does_not_end_is_killed_with_its_children(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "SECONDS_MAX", 0.3)
    script(program, f"sleep 60 & echo $! >{tmp_path}/child; wait")
    started = time.monotonic()
    with pytest.raises(PostfixProblem, match="no end within bounds"):
        commands.run("postx")
    assert time.monotonic() - started < 5
    child = int((tmp_path / "child").read_text())
    for _ in range(100):  # killed already; the kernel may take its time
        if _is_dead(child):
            return
        time.sleep(0.02)
    pytest.fail("the child lives")


def test_a_command_that_says_too_much_is_killed(program: Path) -> None:
    script(program, "exec yes")
    with pytest.raises(PostfixProblem, match="no end within bounds"):
        commands.run("postx")


def test_endless_complaints_fill_nothing(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "SECONDS_MAX", 0.5)
    script(program, "exec yes >&2")
    with pytest.raises(PostfixProblem) as caught:
        commands.run("postx")
    assert len(caught.value.text) < commands.COMPLAINT_BYTES_MAX + 100


def test_what_it_leaves_running_is_not_waited_for(program: Path, tmp_path: Path) -> None:
    script(program, f"echo done; sleep 60 & echo $! >{tmp_path}/child")
    started = time.monotonic()
    assert commands.run("postx") == "done\n"
    assert time.monotonic() - started < 5
    child = int((tmp_path / "child").read_text())
    assert not _is_dead(child)
    os.kill(child, commands.SIGKILL)


def test_no_descriptor_is_left_or_passed_on(program: Path, tmp_path: Path) -> None:
    script(program, "exec ls /proc/self/fd")
    with (tmp_path / "secret").open("w") as secret:
        before = open_descriptors()
        passed = {int(name) for name in commands.run("postx").split()}
        for _ in range(5):
            commands.run("postx")
        assert open_descriptors() == before
        assert secret.fileno() not in passed
    # What this process itself was started with goes on; one more is the folder that ls reads.
    started_with = {number for number in passed if number > 2 and _is_inheritable(number)}
    assert len(passed - started_with - {0, 1, 2}) == 1


def _is_inheritable(descriptor: int) -> bool:
    try:
        return os.get_inheritable(descriptor)
    except OSError:
        return False


def _is_dead(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state in "ZX"


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
