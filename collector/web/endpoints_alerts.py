"""Routes about incidents, silences, and the channels people are reached by."""

from collector.operate import alerts, reaching, silencing
from collector.operate.desk import Desk
from collector.ports import Actor, Refused
from collector.web import shapes_alerts as shapes
from collector.web.routes import Role, Routes
from collector.web.shapes import Done, ReasonedAct

ROUTES = Routes()
VIEWER, OPERATOR = Role.VIEWER, Role.OPERATOR
NUMBER_MAX = 2**53


@ROUTES.add("GET", path="/alerts", role=VIEWER, reply=shapes.Incidents)
async def list_alerts(desk: Desk, *, query: shapes.AlertsQuery) -> object:
    """Open incidents, one a cause; with `everything` those that are over, too."""
    asked = alerts.Asked(everything=query.everything, severity=query.severity, cause=query.cause)
    return {"items": await alerts.listed(desk, asked)}


@ROUTES.add("GET", path="/alerts/{incident}", role=VIEWER, reply=shapes.IncidentInFull)
async def read_alert(desk: Desk, *, incident: str) -> object:
    """One incident with its alerts, and every notice with what became of it."""
    return await alerts.one(desk, _number(incident, code="INCIDENT_UNKNOWN"))


@ROUTES.add("POST", path="/alerts/{incident}/ack", role=OPERATOR, reply=Done)
async def acknowledge_alert(
    desk: Desk, *, incident: str, body: shapes.Acknowledge, actor: Actor
) -> object:
    """Somebody has seen it: no reminders until something new happens."""
    number = _number(incident, code="INCIDENT_UNKNOWN")
    done = await alerts.acknowledge(desk, number, undo=body.undo, wish=body.wish(actor))
    return done.to_json()


@ROUTES.add("GET", path="/silences", role=VIEWER, reply=shapes.Silences)
async def list_silences(desk: Desk, *, query: shapes.SilencesQuery) -> object:
    """Those that last now, with what they cover; with `everything` those of before, too."""
    return {"items": await silencing.listed(desk, everything=query.everything)}


@ROUTES.add("POST", path="/silences", role=OPERATOR, reply=shapes.SilenceMade)
async def make_silence(desk: Desk, *, body: shapes.NewSilence, actor: Actor) -> object:
    """Alerts that nobody is told of until a time. They stand, and are shown."""
    done = await silencing.silence(desk, body.wanted(), wish=body.wish(actor))
    return done.to_json()


@ROUTES.add("POST", path="/silences/{silence}/end", role=OPERATOR, reply=Done)
async def end_silence(desk: Desk, *, silence: str, body: ReasonedAct, actor: Actor) -> object:
    """Ends a silence early; what still stands is told."""
    number = _number(silence, code="SILENCE_UNKNOWN")
    return (await silencing.end(desk, number, wish=body.wish(actor))).to_json()


@ROUTES.add("GET", path="/channels", role=VIEWER, reply=shapes.Channels)
async def list_channels(desk: Desk) -> object:
    """How people are reached, and how each way does."""
    return {"items": await reaching.channels(desk)}


@ROUTES.add("POST", path="/channels/test", role=OPERATOR, reply=shapes.Tests)
async def test_channels(desk: Desk, *, body: shapes.TestChannels, actor: Actor) -> object:
    """Sends a real notice, and says what came of it."""
    return {"items": await reaching.test(desk, body.channel, wish=body.wish(actor))}


def _number(text: str, *, code: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:17]) < NUMBER_MAX):
        raise Refused(code, f"{text[:40]!r} is not a number")
    return int(text)
