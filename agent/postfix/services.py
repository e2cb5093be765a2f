"""Which services of a master.cf carry mail off this machine. Pure: text in, names out.

Judges by the command column and never by the service's name, as master(5) does; what it does not
know counts as outbound, because deferring a service nobody uses costs nothing.
"""

# Types of master(5) a queue manager can hand mail to; not inet, pass, unix-dgram.
TRANSPORT_TYPES = frozenset(("unix", "fifo"))

# Daemons of Postfix 3.4 to 3.11 that never connect to another machine to deliver mail.
LOCAL_COMMANDS = frozenset(
    (
        *("anvil", "bounce", "cleanup", "discard", "dnsblog", "error", "flush", "local"),
        *("nbdb_reindexd", "nqmgr", "oqmgr", "pickup", "postlogd", "postscreen", "proxymap"),
        *("qmgr", "qmqpd", "scache", "showq", "smtpd", "spawn", "tlsmgr", "tlsproxy"),
        *("trivial-rewrite", "verify", "virtual"),
    )
)

# Programs behind pipe(8) that deliver on this machine, or filter and hand back to it.
LOCAL_DELIVERERS = frozenset(
    (
        *("cyrdeliver", "deliver", "dovecot-lda", "mailman", "maildrop", "postfix-to-mailman.py"),
        *("procmail", "scalemail-store", "spamassassin", "spamc", "vacation"),
    )
)

# Where local(8) hands mail on to another transport, past the queue manager.
HANDOVERS = (
    "mailbox_transport",
    "mailbox_transport_maps",
    "fallback_transport",
    "fallback_transport_maps",
)


class Service:
    """One line of master.cf, as `postconf -M` prints it: eight columns, then arguments."""

    __slots__ = ("arguments", "command", "form", "name")

    def __init__(self, columns: list[str]) -> None:
        self.name, self.form = columns[0], columns[1]
        self.command = columns[7].rpartition("/")[2]
        self.arguments = columns[8:]


def parse_services(text: str) -> list[Service]:
    """Raises ValueError for a line that is not one of `postconf -M`."""
    services = []
    for line in text.splitlines():
        columns = line.split()
        if len(columns) < 8:
            raise ValueError(f"not a service: {line:.100}")
        services.append(Service(columns))
    return services


def outbound(services: list[Service], handovers: dict[str, str]) -> tuple[str, ...]:
    """Names of the services that may carry mail away, sorted.

    handovers: the values of HANDOVERS. With `fallback_transport = relay:…` local(8) itself gives
    mail to relay, whatever the queue manager defers; then local counts as outbound.
    """
    found = {service.name for service in services if _is_outbound(service)}
    if any(_leaves(value, parameter=name, found=found) for name, value in handovers.items()):
        found |= {service.name for service in services if service.command == "local"}
    return tuple(sorted(found))


def has_own_deferral(services: list[Service], parameters: tuple[str, ...]) -> bool:
    """Does a queue manager's line set one of these by `-o`, past what main.cf says?"""
    return any(
        parameter in argument
        for service in services
        if service.command in ("qmgr", "oqmgr", "nqmgr")
        for argument in service.arguments
        for parameter in parameters
    )


def _is_outbound(service: Service) -> bool:
    if service.form not in TRANSPORT_TYPES or service.command in LOCAL_COMMANDS:
        return False
    return service.command != "pipe" or _deliverer(service) not in LOCAL_DELIVERERS


def _deliverer(service: Service) -> str:
    """The program of a pipe(8) service: the word of argv=, without its folder."""
    for position, word in enumerate(service.arguments):
        if word.startswith("argv="):
            # `argv= /path` is not a form pipe(8) knows; braces around it are.
            program = word.removeprefix("argv=") or " ".join(service.arguments[position + 1 :][:1])
            return program.strip("{}").rpartition("/")[2]
    return ""


def _leaves(value: str, *, parameter: str, found: set[str]) -> bool:
    if parameter.endswith("_maps"):
        return bool(value)
    transport, _, nexthop = value.partition(":")
    return transport in found and not nexthop.startswith("unix:")
