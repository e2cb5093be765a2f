"""Which program's lines are read by whom: the table, and the readers that need no more."""

import re

from agent.maillog.lines import Moved, Reload
from agent.maillog.parse_delivery import DELIVERERS, read_delivery
from agent.maillog.parse_found import Found, Reader, Tag
from agent.maillog.parse_message import read_cleanup, read_pickup, read_queue_manager, read_smtpd
from agent.maillog.parse_trouble import read_other

_MASTER = re.compile(rb"(reload|daemon started) -- version ")
_ACTIONS = {
    b"placed on hold": b"held",
    b"released from hold": b"released",
    b"requeued": b"requeued",
    b"removed": b"deleted",
}
_SUMMARIES = {
    b"Placed on hold": b"held",
    b"Released from hold": b"released",
    b"Requeued": b"requeued",
    b"Deleted": b"deleted",
}
_MOVED = re.compile(rb"([0-9A-Za-z]+): (" + b"|".join(_ACTIONS) + rb")\Z")
_SUMMARY = re.compile(rb"(" + b"|".join(_SUMMARIES) + rb"): (\d{1,9}) messages?\Z")


def read_master(found: Found, line: bytes, *, tag: Tag, body: int) -> None:
    match = _MASTER.match(line, body)
    if match is None:
        read_other(found, line, tag=tag, body=body)
    else:
        stamp = line[: body - tag.back]
        found.events.append(Reload(stamp, tag.instance, match[1] != b"reload"))


def read_postsuper(found: Found, line: bytes, *, tag: Tag, body: int) -> None:
    stamp = line[: body - tag.back]
    one, sum_ = _MOVED.match(line, body), _SUMMARY.match(line, body)
    if one is not None:
        found.events.append(Moved(stamp, tag.instance, _ACTIONS[one[2]], 1, one[1]))
    elif sum_ is not None:
        action = _SUMMARIES[sum_[1]]
        found.events.append(Moved(stamp, tag.instance, action, int(sum_[2]), b""))
    else:
        read_other(found, line, tag=tag, body=body)


_OTHERS = (
    b"anvil bounce dnsblog flush oqmgr postalias postcat postconf postdrop postfix postfix-script "
    b"postkick postlock postlog postlogd postmap postmulti postqueue proxymap qmqpd scache "
    b"sendmail showq spawn tlsmgr tlsproxy trace trivial-rewrite verify"
).split()
READERS: dict[bytes, Reader] = {
    **dict.fromkeys(_OTHERS, read_other),
    **dict.fromkeys(DELIVERERS, read_delivery),
    b"smtpd": read_smtpd,
    b"postscreen": read_smtpd,
    b"cleanup": read_cleanup,
    b"qmgr": read_queue_manager,
    b"oqmgr": read_queue_manager,
    b"nqmgr": read_queue_manager,
    b"pickup": read_pickup,
    b"master": read_master,
    b"postsuper": read_postsuper,
}
