"""Whether a nameserver of ours can be believed about blocklists: asks, and keeps nothing.

What the replies mean stands in `deliverability.nameservers_judged`.
"""

from datetime import datetime

from agent.dnsbl.sockets import Way
from agent.model import NameserverReading
from deliverability import nameservers_judged
from deliverability.nameservers_judged import Tried
from deliverability.zones import ZoneKeys


async def look(way: Way, *, keys: ZoneKeys, strange: str, now: datetime) -> NameserverReading:
    """`strange`: a name that nobody can have registered."""
    asked = nameservers_judged.questions(keys, strange=strange)
    known, unknown, who = await way.ask(asked)
    tried = Tried(known=known, unknown=unknown, who=who)
    state, why = nameservers_judged.judge(tried, way.whose)
    return NameserverReading(nameserver=way.nameserver, state=state, why=why, checked_at=now)
