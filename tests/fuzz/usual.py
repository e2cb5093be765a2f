"""Lines before the bytes that are tried: so many that all of them are read in bulk."""

from agent.maillog import parse

USUAL = (
    b"Nov 22 09:33:50 mx1 postfix/smtp[7]: 4cB1Gk2zTMz9sWZ: to=<a@x.example>, "
    b"relay=mx.x.example[203.0.113.5]:25, delay=1, delays=0/0/0.5/0.5, dsn=2.0.0, "
    b"status=sent (250 ok)\n"
)
BULK = USUAL * (parse.BULK_BYTES_MIN // len(USUAL) + 1)
