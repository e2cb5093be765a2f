"""What a reply that is not a success amounts to, and whose fault that is. Words only."""

from enum import Enum


class ReplyClass(Enum):
    """Why a message was not taken. Reported, stored and shown by value."""

    INVALID_RECIPIENT = "invalid_recipient"
    MAILBOX_FULL = "mailbox_full"
    INACTIVE = "inactive"
    BAD_DOMAIN = "bad_domain"
    SENDER_AUTH = "sender_auth"
    REPUTATION_BLOCK = "reputation_block"
    RATE_LIMITED = "rate_limited"
    CONTENT = "content"
    POLICY = "policy"
    GREYLIST = "greylist"
    NETWORK = "network"
    DNS = "dns"
    TLS = "tls"
    PROTOCOL = "protocol"
    EXPIRED = "expired"
    LOCAL = "local"
    UNKNOWN = "unknown"


class Fault(Enum):
    """Where to look first."""

    LIST_HYGIENE = "list_hygiene"
    REPUTATION = "reputation"
    RATE = "rate"
    CONTENT = "content"
    CONFIGURATION = "configuration"
    REMOTE = "remote"
    OURS = "ours"


_FAULTS = {
    ReplyClass.INVALID_RECIPIENT: Fault.LIST_HYGIENE,
    ReplyClass.MAILBOX_FULL: Fault.LIST_HYGIENE,
    ReplyClass.INACTIVE: Fault.LIST_HYGIENE,
    ReplyClass.BAD_DOMAIN: Fault.LIST_HYGIENE,
    ReplyClass.SENDER_AUTH: Fault.CONFIGURATION,
    ReplyClass.REPUTATION_BLOCK: Fault.REPUTATION,
    ReplyClass.RATE_LIMITED: Fault.RATE,
    ReplyClass.CONTENT: Fault.CONTENT,
    ReplyClass.POLICY: Fault.CONFIGURATION,
    ReplyClass.GREYLIST: Fault.REMOTE,
    ReplyClass.NETWORK: Fault.REMOTE,
    ReplyClass.DNS: Fault.REMOTE,
    ReplyClass.TLS: Fault.CONFIGURATION,
    ReplyClass.PROTOCOL: Fault.CONFIGURATION,
    ReplyClass.EXPIRED: Fault.REMOTE,
    ReplyClass.LOCAL: Fault.OURS,
    ReplyClass.UNKNOWN: Fault.REMOTE,
}
assert _FAULTS.keys() == set(ReplyClass)


def fault_of(reply_class: ReplyClass) -> Fault:
    """Whose fault a class is. What nobody understood is looked for at the receiver first."""
    return _FAULTS[reply_class]
