"""Lines of Postfix that are known and carry no fact, by program: so that the rest stands out.

A table of how their bodies begin, a queue id and a colon before them or not. What is not in it is
not guessed: it is counted as unknown.
"""

import re
from functools import cache

_TLS = (rb"(?:(?:Anonymous|Untrusted|Trusted|Verified) )?TLS connection ",)
# With more of smtp_tls_loglevel and smtpd_tls_loglevel: of the peer's certificate.
_PEER = (
    rb"\S+\[\S+\](?::\d+)?: (?:subject_CN=|depth=\d|fingerprint|reusing session|TLS cipher list|"
    rb"certificate verification|(?:Trusted|Untrusted|Verified|Anonymous): |[Mm]atched |"
    rb"re-?using session |subjectAltName: |TLSA |no matching )",
    rb"fingerprint=",
    # Levels 2 to 4, and debug_peer_list: the dialogue, and what OpenSSL says meanwhile.
    rb"(?:SSL_(?:connect|accept):|SSL3 alert |SSL session |verify (?:error|return):|"
    rb"certificate peer |[Ii]ssuer=|[Ss]ubject=|Peer (?:cert|verification)|"
    rb"(?:read|write) (?:from|to) [0-9A-F]+ |"
    rb"[0-9a-f]{4} (?:[0-9a-f]{2} |- |<)|[<>] \S+\[\S+\](?::\d+)?: )",
)
_MAPS = (rb"(?:dict|table|map|database) \S+", rb"using backwards-compatible default setting ")
_ACTION = (
    rb"(?:milter-)?(?:reject_warning|warn|warning|hold|discard|redirect|filter|prepend|replace|"
    rb"info|bcc|ignore|strip|pass|dunno|quarantine|delay|accept|permit|header-redirect|"
    rb"header-discard|header-hold|permit-reject|add_header|insert_header|upgrade_header): "
)
_MILTER = rb"milter-(?:reject|discard|hold|header-\S+|redirect|accept|quarantine|insert_header): "
_CACHE = rb"(?:close database|cache \S+ (?:full|partial) cleanup: )"

_BEGINNINGS: dict[bytes, tuple[bytes, ...]] = {
    b"smtpd": (
        *_TLS,
        *_PEER,
        rb"(?:connect|disconnect) from ",
        rb"(?:lost connection|timeout|too many errors|bare <\w+> received|bare <CR>) ?after ",
        rb"improper command pipelining after ",
        rb"(?:SSL_accept error|setting up TLS connection|SSL_shutdown|XCLIENT|discarding) ",
        rb"proxy-\S+: ",
        rb"(?:initializing the server-side TLS engine|Host offered |warn_if_reject|milter inspect)",
        rb"(?:refreshing|abort all milters|auto_clnt_|rewrite_|connection )",
        _ACTION,
        _MILTER,
        rb"replace: ",
    ),
    b"postscreen": (
        rb"(?:CONNECT|DISCONNECT|HANGUP|PREGREET|DNSBL|PASS|BLACKLISTED|WHITELISTED|ALLOWLISTED|"
        rb"DENYLISTED|ALLOWLIST VETO|WHITELIST VETO|PIPELINING|NON-SMTP COMMAND|BARE NEWLINE|"
        rb"COMMAND (?:TIME|COUNT|LENGTH|PIPELINING) ?\w*|DATA without) ?",
        rb"(?:SSL_accept error|discarding EHLO|(?:entering|leaving) STRESS mode) ",
        rb"reject: CONNECT from \S+: all (?:server|screening) ports busy",
        _CACHE,
        _ACTION,
    ),
    b"cleanup": (rb"(?:resent-)?message-id=", _ACTION, _MILTER, rb"milter inspect", rb"reject: "),
    b"qmgr": (
        rb"skipped, still being delivered",
        rb"from=<.*>, status=",
        rb"from=<.*(?:queue active)?",
        rb"status=",
        rb"removed",
    ),
    b"pickup": (rb"uid=", rb"sender="),
    b"bounce": (
        rb"(?:sender|postmaster) (?:non-delivery|delay|success|delivery status) notification: ",
    ),
    b"trace": (rb"sender delivery status notification: ",),
    b"smtp": (
        *_TLS,
        *_PEER,
        rb"(?:TLSRPT: |using DANE RR: |TLSA lookup error |server dropped connection |"
        rb"sender delivery status notification: )",
        rb"(?:connect to|(?:server )?certificate verification failed for|SSL_connect error to) ",
        rb"(?:Host offered STARTTLS|initializing the client-side TLS engine|setting up TLS)",
        rb"host \S+ (?:said|refused to talk to me|greeted me with my own hostname)",
        rb"(?:conversation with|lost connection with|enabling PIX |disabling PIX ) ?",
        rb"(?:SASL authentication failed|Cannot start TLS|TLS is required|server requires|"
        rb"breaking line|Protocol error|discarding EHLO|message |Server certificate |client TLS|"
        rb"no MX host|mail for \S+ loops|SMTPUTF8|status=deferred \(bounce failed\)|"
        rb"looking for session|replace: |TLS policy|subject_CN|issuer_CN|delivering|Trusted:)",
        rb"status=",
    ),
    b"local": (rb"status=", rb"(?:sender|to)=", rb"alias"),
    b"anvil": (rb"statistics: ",),
    b"scache": (rb"statistics: ",),
    b"dnsblog": (rb"addr \S+ (?:listed by|not listed)",),
    b"tlsproxy": (
        *_TLS,
        *_PEER,
        rb"TLS handshake failed ",
        rb"(?:CONNECT|DISCONNECT) ",
        rb"SSL_(?:accept|connect) ",
        rb"initializing",
    ),
    b"tlsmgr": (_CACHE, rb"open ", rb"delete ", rb"initializing "),
    b"verify": (_CACHE,),
    b"master": (
        rb"(?:terminating on signal|reload|daemon started) ?",
        rb"process \S+ pid \d+ ",
        rb"(?:service|fast|inet|unix|fifo|delaying|re-?start)",
    ),
    b"postfix-script": (
        rb"(?:starting|stopping|refreshing|restarting|aborting|flushing|checking) ",
        rb"(?:the Postfix mail system|waiting for|mail system|fatal|Postfix)",
    ),
    b"postlog": (rb"",),
    b"postsuper": (
        rb"(?:renamed to match inode number|skipped, still being delivered|placed|removed|requeue|"
        rb"expired)",
        rb"[A-Z][a-z ]+: \d+ messages?",
    ),
    b"flush": (rb"",),
    b"postmap": (rb"open ",),
    # Policy servers that write under Postfix's name (postfix-policyd-spf-perl, policyd-weight).
    **dict.fromkeys((b"policy-spf", b"policyd-weight", b"postgrey"), (rb"",)),
}
_ALIKE = {
    b"lmtp": b"smtp",
    **dict.fromkeys((b"virtual", b"pipe", b"error", b"retry", b"discard"), b"local"),
    **dict.fromkeys((b"oqmgr", b"nqmgr"), b"qmgr"),
    b"defer": b"bounce",
    b"postlogd": b"postlog",
    b"postfix": b"postfix-script",
}
_QUEUE_ID = rb"(?:[0-9A-Za-z]+: )?"


def is_known(line: bytes, *, daemon: bytes, body: int) -> bool:
    """Whether the body that begins there is one of the lines that carry no fact."""
    name = _ALIKE.get(daemon, daemon)
    return _pattern(name if name in _BEGINNINGS else b"").match(line, body) is not None


@cache
def _pattern(daemon: bytes) -> re.Pattern[bytes]:
    """Made when it is needed: most nodes run few of these. Of nobody in the table: anybody's."""
    beginnings = (*_BEGINNINGS.get(daemon, ()), *_MAPS)
    return re.compile(_QUEUE_ID + rb"(?:" + b"|".join(beginnings) + rb")")
