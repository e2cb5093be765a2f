"""Routes about how it was decided, and by which policy: replay, revisions, changes."""

from collector.operate import policy, preview, replay, simulate
from collector.operate.desk import Desk
from collector.ports import Actor
from collector.web import shapes_judged as shapes
from collector.web.routes import Role, Routes
from collector.web.shapes import Done

ROUTES = Routes()
VIEWER, OPERATOR, ADMIN = Role.VIEWER, Role.OPERATOR, Role.ADMIN


@ROUTES.add("GET", path="/decisions/{decision}/replay", role=VIEWER, reply=shapes.Replay)
async def replay_decision(desk: Desk, *, decision: str) -> object:
    """Judges a decision again from what was stored beside it; what comes out otherwise."""
    return await replay.read(desk, decision)


@ROUTES.add("GET", path="/policy", role=VIEWER, reply=shapes.Policy)
async def read_policy(desk: Desk) -> object:
    """The revision in force: every value with its bounds and what it does."""
    return await policy.show(desk)


@ROUTES.add("POST", path="/policy", role=ADMIN, reply=Done)
async def set_policy(desk: Desk, *, body: shapes.PolicyChange, actor: Actor) -> object:
    """Sets values as a new revision, in force at once; with dry_run only says what would change."""
    return (await policy.change(desk, body.values, wish=body.wish(actor))).to_json()


@ROUTES.add("GET", path="/policy/history", role=VIEWER, reply=shapes.PolicyHistory)
async def read_policy_history(desk: Desk, *, query: shapes.HistoryQuery) -> object:
    """Revisions, newest first, each with what it changed."""
    return {"items": await policy.history(desk, limit=query.limit)}


@ROUTES.add("POST", path="/policy/rollback", role=ADMIN, reply=Done)
async def roll_policy_back(desk: Desk, *, body: shapes.PolicyRollback, actor: Actor) -> object:
    """The values of an earlier revision as a new one."""
    return (await policy.rollback(desk, body.revision, wish=body.wish(actor))).to_json()


@ROUTES.add("POST", path="/policy/preview", role=OPERATOR, reply=shapes.Previewed)
async def preview_policy(desk: Desk, *, body: shapes.Preview) -> object:
    """Whom these values would pause, resume, take out or let in now: a slice of the nodes."""
    asked = preview.Asked(values=body.values, after=body.after, moved=body.moved)
    return await preview.read(desk, asked)


@ROUTES.add("POST", path="/policy/simulate", role=OPERATOR, reply=shapes.Simulated)
async def simulate_policy(desk: Desk, *, body: shapes.Simulation) -> object:
    """Who would have been paused under these values, beside what was: a slice of the nodes."""
    before = {} if body.before is None else body.before.model_dump()
    asked = simulate.Asked(values=body.values, since=body.since, after=body.after, before=before)
    return await simulate.read(desk, asked)
