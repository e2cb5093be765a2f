"""The receivers and the master.cf of a private Postfix: `ADDRESS` is to be put in."""

# port -> arguments of smtp-sink(1)
SINKS: dict[int, tuple[str, ...]] = {
    2600: (),
    2601: ("-L",),
    2604: ("-r", "rcpt", "-b", "421 4.7.0 [TSS04] Messages temporarily deferred"),
    2606: ("-d", "kept/%H%M."),
    2605: ("-f", "rcpt", "-B", "550 5.7.1 Blocked by policy (S3150)"),
}
ROUTES: dict[str, str] = {
    "sink.test": "smtp:[ADDRESS]:2600",
    "google.test": "google:[ADDRESS]:2600",
    "relay.test": "relay:[ADDRESS]:2600",
    "lmtp.test": "lmtp:inet:[ADDRESS]:2601",
    "busy.test": "smtp:[ADDRESS]:2604",
    "blocked.test": "smtp:[ADDRESS]:2605",
    "kept.test": "smtp:[ADDRESS]:2606",
    "vps.test": "discard:",  # where bounces go
}
# At a reload the queue manager that ends may take the wake-up meant for the next one, about once in
# two hundred times on a busy machine: then there is none until mail comes or the service is woken
# again, by default five minutes later; here soon.
MASTER_CF = """\
ADDRESS:2525 inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 2 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp -o syslog_name=postfix/$service_name
google unix - - n - - smtp -o syslog_name=postfix-google
lmtp unix - - n - - lmtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
maildrop unix - n n - - pipe flags=DRhu user=nobody argv=/usr/bin/maildrop -d ${recipient}
"""
