"""`mailfleet reply`: what a remote's reply means. Asks no collector: the rules are part of it."""

import sys
from dataclasses import asdict
from enum import Enum

import click

from collector.cli import output
from deliverability import receivers, replies_explain

STDIN_BYTES_MAX = 65_536


@click.group()
def reply() -> None:
    """Replies of receivers."""


@reply.command("explain")
@click.argument("words", metavar="TEXT", nargs=-1, required=True)
@click.option(
    "--receiver",
    metavar="NAME",
    default="",
    help="Who said it: google, yahoo, a domain. Without it the text tells, as far as it does.",
)
@output.formats("table", "json")
def explain(*, words: tuple[str, ...], receiver: str, output_: str) -> None:
    """Says what a reply means, whose fault it is and what helps.

    TEXT is a reply ("421-4.7.28 …"), what Postfix logs in parentheses, or a whole delivery line;
    - reads it from standard input.
    """
    text = " ".join(words)
    if text == "-":
        text = sys.stdin.buffer.read(STDIN_BYTES_MAX).decode("utf-8", "replace")
    text = " ".join(text.split())
    if not text:
        raise click.UsageError("There is no text to explain.")
    found = replies_explain.explain(text, receiver=_receiver(receiver))
    facts = {name: _plain(value) for name, value in asdict(found).items()}
    facts = {"class": facts.pop("reply_class"), **facts}
    if output_ == "json":
        output.show_json(facts)
    else:
        output.show_facts(facts.items())


def _receiver(name: str) -> str:
    """The receiver's name as the rules have it; UsageError for a word that names none."""
    name = name.strip().lower()
    if not name or name in receivers.KNOWN or name == receivers.LOCAL:
        return name
    found = receivers.receiver_of(relay_host=name, recipient_domain="")
    by_domain = receivers.receiver_of(relay_host="", recipient_domain=name)
    if found == receivers.UNKNOWN:
        known = ", ".join(sorted(receivers.KNOWN))
        raise click.UsageError(f"{name!r} is no receiver: say a domain, or one of {known}.")
    return by_domain if by_domain in receivers.KNOWN else found


def _plain(value: object) -> object:
    return value.value if isinstance(value, Enum) else value
