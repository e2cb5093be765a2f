"""What is asked once, before the loops begin: who we are, our addresses, zones and transports."""

import random
import secrets
from contextlib import suppress
from datetime import timedelta
from functools import partial

from agent import config
from agent.config import AgentConfig, ConfigError
from agent.dnsbl import sockets
from agent.dnsbl.sweep import Sweep
from agent.dnsbl.watch import Chance, ZoneWatch
from agent.host import facts
from agent.maillog.logs import Logs, Use
from agent.maillog.tally_whose import Whose
from agent.postfix import commands, pinning
from agent.postfix.client import PostfixClient, PostfixError
from agent.postfix.commands import PostfixProblem
from agent.session import Self
from agent.state import State
from agent.version import VERSION
from deliverability.zones import ZoneKeys

LOG_DEFAULT = "/var/log/mail.log"
FIRST_LOOK = timedelta(seconds=5)


def who(settings: AgentConfig, own: tuple[str, ...]) -> Self:
    return Self(
        version=VERSION,
        machine_id=facts.machine_id(settings.machine_id, fallback=settings.state / "machine-id"),
        boot_id=facts.boot_id(),
        run_id=secrets.token_hex(8),
        hostname=settings.hostname or facts.hostname(),
        addresses=own,
    )


async def outbound(settings: AgentConfig) -> frozenset[bytes]:
    """Without a helper none is known, and a pipe counts as a delivery on this machine."""
    client = PostfixClient(settings.helper, timeout=FIRST_LOOK)
    try:
        return frozenset(name.encode() for name in (await client.observe()).outbound)
    except PostfixError:
        return frozenset()
    finally:
        client.close()


def whose(
    settings: AgentConfig, addresses: tuple[str, ...], *, outbound: frozenset[bytes]
) -> tuple[Whose, str]:
    """Whose mail the log tells of; and a problem, where some is pinned to none of our addresses.

    syslogd's name of this machine is asked each time; Postfix's is what it writes where it writes
    the log itself (maillog_file in postconf(5)).
    """
    names, pinned = [settings.hostname], dict[str, str | None]()
    with suppress(PostfixProblem, ValueError):
        more = commands.run("postconf", "-xh", "multi_instance_directories").split()
        for place in ((), *(("-c", directory.strip(",")) for directory in more)):
            told = commands.run("postconf", *place, "-x", *pinning.PARAMETERS)
            parameters = pinning.parse_parameters(told)
            names.append(parameters.get("myhostname", ""))
            found = pinning.pinned(commands.run("postconf", *place, "-M"), parameters)
            pinned |= {name: None if name in pinned else found[name] for name in found}
    known = frozenset(name.encode("utf-8", "replace") for name in names if name)
    own = partial(_names, known)
    if len(addresses) == 1:
        return Whose(addresses[0], outbound, own), ""
    by_instance = {
        name.encode("utf-8", "replace"): address
        for name, address in pinned.items()
        if address in addresses
    }
    loose = sorted(name for name, address in pinned.items() if address not in addresses)
    return Whose("", outbound, own, by_instance), f"{_LOOSE}: {', '.join(loose)}" if loose else ""


_LOOSE = (
    "which of this node's addresses sent is not told for mail logged under these names, so that it "
    "counts for none (give each service smtp_bind_address and a syslog_name in master.cf)"
)


def _names(known: frozenset[bytes]) -> frozenset[bytes]:
    return known | {facts.hostname().encode("utf-8", "replace")}


def zone_watch(
    settings: AgentConfig, state: State, *, own: tuple[str, ...], keys: ZoneKeys
) -> ZoneWatch:
    """Goes on where an earlier run ended: with its zones, and with when each was asked."""
    known = state.zone_readings()
    ways = sockets.ways(
        config.nameservers_of(settings),
        own=(*own, *facts.global_addresses()),
        are_chosen=bool(settings.nameservers),
    )
    watch = ZoneWatch(
        Sweep(ways, keys=keys, known=known),
        own,
        chosen=settings.zones,
        keys=keys,
        chance=Chance(luck=random.random, token=lambda: secrets.token_hex(8)),
    )
    if state.handed_out is not None:
        with suppress(ValueError):  # of a version with other bounds; the collector sends another
            watch.take(state.handed_out)
    watch.resume(known)
    return watch


def logs(settings: AgentConfig) -> Logs:
    """The configured ones, else Debian's, or the journal where that is missing."""
    if settings.log == (config.JOURNAL,):
        return Logs(use=Use.JOURNAL)
    if settings.log:
        return Logs(patterns=settings.log)
    return Logs(patterns=(LOG_DEFAULT,), use=Use.FIRST_FOUND)


def addresses(settings: AgentConfig) -> tuple[str, ...]:
    """The configured ones, else the machine's only global IPv4 address."""
    if settings.addresses:
        return settings.addresses
    found = facts.global_addresses()
    if len(found) != 1:
        seen = f"the machine has {len(found)} global IPv4 addresses ({', '.join(found) or 'none'})"
        raise ConfigError([f"{config.place()}: node.addresses: missing, and {seen}"])
    return found
