"""Says to systemd how we are, by the protocol of sd_notify(3). Does nothing outside a unit."""

import os
import socket
from collections.abc import Mapping
from datetime import timedelta


def send(*assignments: str, environ: Mapping[str, str] = os.environ) -> None:
    """One datagram of `NAME=value` lines, such as "READY=1"; lost when nobody listens."""
    place = environ.get("NOTIFY_SOCKET", "")
    if not place.startswith(("/", "@")):
        return
    address = "\0" + place[1:] if place.startswith("@") else place
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.setblocking(False)
        try:
            sender.sendto("\n".join(assignments).encode(), address)
        except OSError:
            # A full or vanished socket must not stop the fleet; the watchdog judges silence.
            return


def watchdog_interval(environ: Mapping[str, str] = os.environ) -> timedelta | None:
    """How often systemd wants to hear of progress (sd_watchdog_enabled(3)); None: never."""
    microseconds = environ.get("WATCHDOG_USEC", "")
    pid = environ.get("WATCHDOG_PID", "")
    if not microseconds.isascii() or not microseconds.isdigit() or int(microseconds) == 0:
        return None
    if pid and pid != str(os.getpid()):
        return None
    return timedelta(microseconds=int(microseconds))
