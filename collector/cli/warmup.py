"""`mailfleet warmup`: what each address may send today, what comes next, and why it is held."""

from typing import Any

import click

from collector.cli import moments, output
from collector.cli.acting import Act, acts
from collector.cli.api import Api, Json, segment


@click.group()
def warmup() -> None:
    """New addresses and sending domains: caps, stages, days ahead."""


@warmup.command("ls")
@click.option("--all", "everything", is_flag=True, help="Those without a cap too.")
@output.formats("table", "json", "name")
def list_plans(*, everything: bool, output_: str) -> None:
    """Every plan with a cap: stage, cap today, sent today, what comes next, why held."""
    answer = Api().get("/warmup/plans", {"everything": str(everything).lower()})
    if output_ == "json":
        return output.show_json(answer)
    if output_ == "name":
        return output.show_names({"name": item["subject"]} for item in answer["items"])
    headers = ("SUBJECT", "NODE", "STATE", "STAGE", "#CAP", "#SENT", "SINCE", "NEXT", "LAST DAY")
    output.show_table(headers, (_row(item) for item in answer["items"]))
    return None


@warmup.command("show")
@click.argument("subject")
@output.formats("table", "json")
def show(*, subject: str, output_: str) -> None:
    """One plan: its last days with what came of each, and the days ahead."""
    answer = Api().get(f"/warmup/plans/{segment(subject)}")
    if output_ == "json":
        return output.show_json(answer)
    output.show_facts(_facts(answer))
    if answer["days"]:
        click.echo()
        rows = ([d["day"], d["volume"], d["cap"], d["why"]] for d in answer["days"])
        output.show_table(("DAY", "#SENT", "#CAP", "WHAT CAME OF IT"), rows)
    _show_ahead(answer["ahead"])
    return None


@warmup.command("plan")
@click.argument("subject", required=False)
@click.option("--monthly", type=click.IntRange(min=0), help="Messages a month to reach.")
@click.option("--addresses", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--ladder", help="Another ladder than the band's.")
@click.option("--domain", "is_domain", is_flag=True, help="Of a sending domain.")
@output.formats("table", "json")
def plan(*, subject: str | None, is_domain: bool, output_: str, **asked: Any) -> None:
    """The days ahead of SUBJECT, or of a volume, if each day counts; with the true date."""
    kind = {"kind": "domain"} if is_domain else {}
    query = {"subject": subject, **asked, **kind}
    answer = Api().get("/warmup/forecast", {k: v for k, v in query.items() if v is not None})
    if output_ == "json":
        return output.show_json(answer)
    click.echo(answer["text"])
    _show_ahead(answer["ahead"])
    return None


@warmup.command("ladders")
@output.formats("table", "json", "name")
def list_ladders(*, output_: str) -> None:
    """The ladders there are, the owners' bands first, with their sources."""
    answer = Api().get("/warmup/ladders")
    if output_ == "json":
        return output.show_json(answer)
    if output_ == "name":
        return output.show_names(answer["items"])
    headers = ("LADDER", "FOR", "#DAYS", "#FIRST", "#LAST", "A MONTH", "WHAT IT IS", "SOURCE")
    names = ("name", "subject", "stages", "first_day", "last_day", "monthly", "note", "source")
    output.show_table(headers, ([item[name] for name in names] for item in answer["items"]))
    return None


@warmup.command("start")
@click.argument("subject")
@click.option("--ladder", help="See `mailfleet warmup ladders`.")
@click.option("--monthly", type=click.IntRange(min=0), default=0, help="Takes its band's ladder.")
@click.option("--stage", type=click.IntRange(min=1), default=1, show_default=True)
@acts(needs_reason=True)
@output.formats("table", "json")
def start(
    *, subject: str, ladder: str | None, monthly: int, stage: int, output_: str, **options: Any
) -> None:
    """Begins a plan of an address or a sending domain, or begins it anew at a stage."""
    body: dict[str, Any] = {"ladder": ladder, "monthly": monthly, "stage": stage}
    _act(subject, verb="start", body=body, output_=output_, options=options)


@warmup.command("hold")
@click.argument("subject")
@acts(needs_reason=True)
@output.formats("table", "json")
def hold(*, subject: str, output_: str, **options: Any) -> None:
    """The stage stands until a person resumes it. Undo: mailfleet warmup resume SUBJECT"""
    _act(subject, verb="hold", body={}, output_=output_, options=options)


@warmup.command("resume")
@click.argument("subject")
@acts(needs_reason=False)
@output.formats("table", "json")
def resume(*, subject: str, output_: str, **options: Any) -> None:
    """Lifts a hold, whoever holds. Undo: mailfleet warmup hold SUBJECT --reason TEXT"""
    _act(subject, verb="resume", body={}, output_=output_, options=options)


def _act(
    subject: str, *, verb: str, body: dict[str, Any], output_: str, options: dict[str, Any]
) -> None:
    path = f"/warmup/plans/{segment(subject)}/{verb}"
    answer = Act(options).post(Api(), path, body=body)
    if output_ == "json":
        return output.show_json(answer)
    click.echo(answer["text"])
    return None


def _row(item: Json) -> list[object]:
    stage = f"{item['stage']}/{item['stages']} {item['ladder']}"
    state = item["state"] if not item["held_by"] else f"held: {item['held_why']}"
    last = f"{item['last_day']}: {item['last_why']}" if item["last_day"] else None
    return [
        item["subject"],
        item["node"],
        state,
        stage if item["state"] != "warm" else "-",
        item["cap_day"],
        item["sent_today"],
        moments.ago(item["since"]),
        item["next_step"],
        last,
    ]


def _facts(answer: Json) -> list[tuple[str, object]]:
    held = f"by {answer['held_by']}: {answer['held_why']}" if answer["held_by"] else None
    return [
        ("subject", answer["subject"]),
        ("node", answer["node"]),
        ("state", answer["state"]),
        ("ladder", f"{answer['ladder']}, stage {answer['stage']} of {answer['stages']}"),
        ("cap today", answer["cap_day"]),
        ("cap an hour", answer["cap_hour"]),
        ("one receiver, a day", answer["cap_receiver"]),
        ("sent today", answer["sent_today"]),
        ("at this stage for", moments.ago(answer["since"])),
        ("held", held),
        ("next", answer["next_step"]),
    ]


def _show_ahead(ahead: list[Json]) -> None:
    if not ahead:
        return
    click.echo()
    names = ("day", "stage", "cap_day", "cap_hour", "cap_receiver")
    rows = ([day[name] for name in names] for day in ahead)
    output.show_table(("DAY", "#STAGE", "#A DAY", "#AN HOUR", "#ONE RECEIVER"), rows)
