"""How the helper starts: its arguments, its socket, what systemd passes and is told."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from agent.postfix import serving, verbs
from tests import postfix_bed

VERBS = tuple(verbs.REQUESTS)
NOBODY = 65534
TIMEOUT = 20.0
# stdin, stdout, stderr and the listener
IDLE_DESCRIPTORS = 4

needs_postfix = pytest.mark.needs("postfix", "root")


def test_the_socket_s_owner_is_the_named_user(tmp_path: Path) -> None:
    path = tmp_path / "helper.sock"
    path.write_text("not a socket")
    with pytest.raises(OSError, match="in use"):
        serving.listen(str(path), uid=os.getuid())
    assert path.read_text() == "not a socket"
    path.unlink()
    for _ in range(2):  # the second replaces what the first left
        serving.listen(str(path), uid=os.getuid()).close()
        assert path.stat().st_uid == os.getuid()
        assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "words",
    [
        ["--socket"],
        ["--socket", "relative/path"],
        ["--postfix", "etc"],
        ["--command", "/bin/sh"],
        ["--socket", "/a", "--socket", "/b"],
        ["pause"],
    ],
)
def test_wrong_arguments_are_a_usage_error(words: list[str]) -> None:
    result = run_helper(words)
    assert result.returncode == 2
    assert result.stderr.startswith("usage:")


def test_an_unknown_user_or_place_is_said(tmp_path: Path) -> None:
    result = run_helper(["--user", "nobody-of-that-name"])
    assert result.returncode == 1
    assert "nobody-of-that-name" in result.stderr
    result = run_helper(["--socket", str(tmp_path / "no/such/folder/s"), "--user", "nobody"])
    assert result.returncode == 1
    assert "No such file" in result.stderr


def run_helper(words: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "agent.helper", *words],
        cwd=postfix_bed.ROOT,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


@needs_postfix
def test_systemd_may_pass_the_socket_and_is_told_when_it_is_ready(tmp_path: Path) -> None:
    notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notified.bind(str(tmp_path / "notify"))
    notified.settimeout(10)
    listener = serving.listen(str(tmp_path / "helper.sock"), uid=0)
    # As systemd does it: the socket as descriptor 3, and whom it is meant for in the environment.
    passing = (
        f"import os, sys; os.dup2({listener.fileno()}, 3); "
        "os.environ['LISTEN_PID'] = str(os.getpid()); os.execv(sys.executable, sys.argv[1:])"
    )
    starting = (sys.executable, "-m", "agent.helper", "--postfix", "/nowhere", "--user", "root")
    process = subprocess.Popen(
        (sys.executable, "-c", passing, *starting),
        cwd=postfix_bed.ROOT,
        env=os.environ | {"LISTEN_FDS": "1", "NOTIFY_SOCKET": str(tmp_path / "notify")},
        pass_fds=[listener.fileno()],
    )
    try:
        assert notified.recv(100) == b"READY=1"
        client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        client.settimeout(TIMEOUT)
        client.connect(str(tmp_path / "helper.sock"))
        assert ask(client, b"mailfleet-helper 1 version\n").kind == "version"
        assert "/nowhere/main.cf" in ask(client, b"mailfleet-helper 1 observe\n").text("text")
        client.close()
    finally:
        process.kill()
        process.wait()
        listener.close()
        notified.close()


def ask(client: socket.socket, datagram: bytes) -> verbs.Message:
    client.send(datagram)
    answer, descriptors, _, _ = socket.recv_fds(client, verbs.ANSWER_BYTES_MAX, 253)
    for descriptor in descriptors:
        os.close(descriptor)
    return verbs.decode_answer(answer)
