"""The helper: the only code of mailfleet that runs as root. A small process of its own.

It does what its fixed verbs say to the Postfix of this machine, for one unprivileged user, and
nothing else: no verb takes a path, a command or text. It keeps no state, so it may be killed and
started again at any time. Its memory is its imports; it therefore starts itself anew without the
`site` and `runpy` modules, and imports nothing it can do without.

    python -I -m agent.helper --socket PATH --postfix DIR --user NAME
"""

import _socket
import os
import pwd
import sys

from agent.postfix import serving
from agent.postfix.installation import Installation

USAGE = "usage: mailfleet-helper [--socket PATH] [--postfix DIR] [--user NAME]\n"
DEFAULTS = {
    "--socket": "/run/mailfleet/helper.sock",
    "--postfix": "/etc/postfix",
    "--user": "mailfleet-agent",
}
# The first descriptor systemd passes, see sd_listen_fds(3).
PASSED = 3
DESCRIPTORS_MAX = 4096
LEAN = "import sys; sys.path.append(sys.argv.pop(1)); from agent import helper; helper.run()"


def main(arguments: list[str] | None = None) -> None:
    """Become the helper, in as little memory as Python allows; by default with sys.argv's words."""
    given = sys.argv[1:] if arguments is None else arguments
    home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
    words = [sys.executable, "-I", "-S", "-c", LEAN, home, *given]
    os.execv(sys.executable, words)  # noqa: S606


def run() -> None:
    """Serve until killed."""
    options = parse(sys.argv[1:])
    passed = _passed_listener()
    # Whatever else we were started with would go on to Postfix's commands.
    os.closerange(PASSED + bool(passed), DESCRIPTORS_MAX)
    try:
        uid = pwd.getpwnam(options["--user"]).pw_uid
        listener = passed or serving.listen(options["--socket"], uid=uid)
    except (KeyError, OSError) as error:
        sys.stderr.write(f"mailfleet-helper: {error}\n")
        raise SystemExit(1) from None
    os.chdir("/")
    installation = Installation(options["--postfix"].rstrip("/") or "/")
    server = serving.Serving(listener, uids=frozenset((0, uid)), answer=installation.answer)
    _notify(b"READY=1")
    while True:
        server.step()


def parse(words: list[str]) -> dict[str, str]:
    """Exits with 2 unless these are pairs of known options and absolute paths."""
    options = dict(DEFAULTS)
    names, values = words[::2], words[1::2]
    options.update(zip(names, values, strict=False))
    paths = (options["--socket"], options["--postfix"])
    is_odd = len(names) != len(values) or len(set(names)) != len(names)
    if is_odd or options.keys() != DEFAULTS.keys() or not all(path[:1] == "/" for path in paths):
        sys.stderr.write(USAGE)
        raise SystemExit(2)
    return options


def _passed_listener() -> _socket.socket | None:
    """The socket systemd made for us, if it did; sd_listen_fds(3)."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS") != "1":
        return None
    os.set_inheritable(PASSED, False)
    return _socket.socket(fileno=PASSED)


def _notify(message: bytes) -> None:
    """Tell systemd, if it wants to know; sd_notify(3)."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path:
        return
    address = "\0" + path[1:] if path[0] == "@" else path
    notifier = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    try:
        notifier.sendto(message, address)
    finally:
        notifier.close()


if __name__ == "__main__":
    main()
