"""Runs one Postfix command: no shell, absolute path, clean environment, bounded time and output.

Knows how to run a program and nothing of what it says. The rest of the helper's Postfix code runs
commands through here only. It imports little: pathlib, subprocess and typing would each cost the
helper more memory than all of its own code.
"""

import os
import select
import time

COMMANDS_AT = "/usr/sbin"
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
SECONDS_MAX = 10.0
OUTPUT_BYTES_MAX = 256 * 1024
# Of what a command says on stderr this much is kept; the rest is read and dropped.
COMPLAINT_BYTES_MAX = 4096
READ_BYTES = 16384
# POSIX gives both numbers; the signal module would bring enum with it.
SIGKILL, SIGPIPE = 9, 13


class PostfixProblem(Exception):
    """Postfix, or a command of its, failed us. The text is for the operator.

    retryable: may go away by itself; otherwise a person must change something first.
    """

    def __init__(self, text: str, *, retryable: bool) -> None:
        super().__init__(text)
        self.text = text
        self.retryable = retryable


def run(program: str, *arguments: str) -> str:
    """What the program, named without its folder, wrote to stdout.

    Raises PostfixProblem, with what it wrote to stderr, unless it exits with 0 within SECONDS_MAX.
    """
    doing = next((word for word in arguments if word != "-c" and not word.startswith("/")), "")
    with _pipe() as output, _terminal() as complaint:
        try:
            pid = _spawn((program, *arguments), output=output.theirs, complaint=complaint.theirs)
        except OSError as error:
            raise PostfixProblem(f"{program}: {error.strerror}", retryable=True) from error
        status = _wait(pid, output=output, complaint=complaint)
    said = bytes(complaint.content).decode("ascii", "replace")
    if status is None:
        raise PostfixProblem(f"{program} {doing}: no end within bounds; {said}", retryable=True)
    if status:
        raise PostfixProblem(f"{program} {doing}: exit status {status}; {said}", retryable=False)
    return bytes(output.content).decode("utf-8", "surrogateescape")


class _Stream:
    """Our end and the command's end of something it writes to, and what came out of it."""

    def __init__(self, ours: int, theirs: int, *, bytes_max: int) -> None:
        self.ours, self.theirs = ours, theirs
        self.bytes_max = bytes_max
        self.content = bytearray()
        self.is_overfull = False
        os.set_blocking(ours, False)

    def read(self) -> bool:
        """Take one piece; False when there is none at the moment or any more."""
        try:
            piece = os.read(self.ours, READ_BYTES)
        except OSError:  # EAGAIN; EIO from a terminal nobody writes to any more
            return False
        kept = piece[: self.bytes_max - len(self.content)]
        self.content += kept
        self.is_overfull |= len(kept) < len(piece)
        return bool(piece)

    def __enter__(self) -> "_Stream":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.theirs)
        os.close(self.ours)


def _pipe() -> _Stream:
    ours, theirs = os.pipe()
    return _Stream(ours, theirs, bytes_max=OUTPUT_BYTES_MAX)


def _terminal() -> _Stream:
    """For stderr: postfix(1) and its script complain there only if it is a terminal."""
    try:
        ours, theirs = os.openpty()
    except OSError:
        ours, theirs = os.pipe()
    return _Stream(ours, theirs, bytes_max=COMPLAINT_BYTES_MAX)


def _spawn(words: tuple[str, ...], *, output: int, complaint: int) -> int:
    """A process group of its own, so that a timeout ends its children too."""
    return os.posix_spawn(
        f"{COMMANDS_AT}/{words[0]}",
        words,
        ENVIRONMENT,
        file_actions=(
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, output, 1),
            (os.POSIX_SPAWN_DUP2, complaint, 2),
        ),
        setpgroup=0,
        setsigdef=(SIGPIPE,),
    )


def _wait(pid: int, *, output: _Stream, complaint: _Stream) -> int | None:
    """The exit status, -signal, or None when the command had to be killed."""
    deadline = time.monotonic() + SECONDS_MAX
    poll = select.poll()
    ended = os.pidfd_open(pid)
    try:
        for descriptor in (ended, output.ours, complaint.ours):
            poll.register(descriptor, select.POLLIN)
        while not output.is_overfull:
            left = deadline - time.monotonic()
            ready = dict(poll.poll(max(0, int(left * 1000))))
            for stream in (output, complaint):
                if ready.get(stream.ours) and not stream.read():
                    poll.unregister(stream.ours)
            if ended in ready:
                return _reap(pid, (output, complaint))
            if left <= 0:
                break
        os.killpg(pid, SIGKILL)
        _reap(pid, (output, complaint))
        return None
    finally:
        os.close(ended)


def _reap(pid: int, streams: tuple[_Stream, ...]) -> int:
    """Something it left running may hold the streams open: take what is there, do not wait."""
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    for stream in streams:
        while not stream.is_overfull and stream.read():
            pass
    return status
