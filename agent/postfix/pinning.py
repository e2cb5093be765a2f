"""Which instance (syslog_name) sends from which address alone. Pure: text in, names out.

Postfix logs no source address. A service with `-o smtp_bind_address` and a `syslog_name` of its own
tells it all the same; where two addresses write under one name, nobody can tell.
"""

import ipaddress
import itertools

from agent.postfix import services

BINDS = ("smtp_bind_address", "smtp_bind_address6")
PARAMETERS = (*BINDS, "syslog_name", "multi_instance_name", "myhostname")


def parse_parameters(text: str) -> dict[str, str]:
    """`postconf -x NAME…`: name = value."""
    pairs = (line.partition(" =") for line in text.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def pinned(master: str, parameters: dict[str, str]) -> dict[str, str | None]:
    """By syslog_name of what sends over SMTP; None: from an address that nobody can tell.

    `master`: as `postconf -M` prints it (ValueError: it is not); `parameters`: of main.cf.
    """
    found: dict[str, str | None] = {}
    for service in services.parse_services(master):
        if service.form not in services.TRANSPORT_TYPES or service.command not in ("smtp", "lmtp"):
            continue
        options = parameters | _overrides(service)
        name = options.get("syslog_name", "postfix")
        for variable in ("service_name", "multi_instance_name"):
            value = {"service_name": service.name} | options
            name = name.replace(f"${variable}", value.get(variable, ""))
            name = name.replace(f"${{{variable}}}", value.get(variable, ""))
        address = _address(next((options[one] for one in BINDS if options.get(one)), ""))
        is_alike = name not in found or found[name] == address
        found[name] = address if is_alike else None
    return found


def _overrides(service: services.Service) -> dict[str, str]:
    """What follows each -o."""
    words = service.arguments
    settings = [b.partition("=") for a, b in itertools.pairwise(words) if a == "-o"]
    return {name: value for name, equals, value in settings if equals}


def _address(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text.strip("[]"))) if text else None
    except ValueError:
        return None
