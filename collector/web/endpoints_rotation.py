"""Routes about rotation and warm-up: who may send now, grants, plans and the days ahead."""

from collector.operate import rotation, warmup, warmup_words
from collector.operate.desk import Desk
from collector.ports import Actor
from collector.web import shapes_rotation as shapes
from collector.web.routes import Role, Routes
from collector.web.shapes import Act, Done, ReasonedAct

ROUTES = Routes()
VIEWER, OPERATOR, ADMIN = Role.VIEWER, Role.OPERATOR, Role.ADMIN


@ROUTES.add("GET", path="/pools/{pool}/rotation", role=VIEWER, reply=shapes.Rotation)
async def read_rotation(desk: Desk, *, pool: str, query: shapes.RotationQuery) -> object:
    """A pool's members with shares, caps and what stands against them; watched by revision."""
    return await rotation.show(
        desk, pool, receiver=query.receiver, after=query.after, wait=query.wait
    )


@ROUTES.add("POST", path="/pools/{pool}/grants", role=OPERATOR, reply=shapes.Granted)
async def ask_grant(desk: Desk, *, pool: str, body: shapes.GrantAsked) -> object:
    """Which nodes may take so many messages for this receiver now; or hold them, and why."""
    return await rotation.grant(desk, pool, wish=body.wish())


@ROUTES.add("POST", path="/pools/{pool}/settings", role=ADMIN, reply=Done)
async def set_pool(desk: Desk, *, pool: str, body: shapes.PoolSettings, actor: Actor) -> object:
    """What a pool rotates by, its home region, and the messages a month it is meant for."""
    return (
        await rotation.settle(desk, pool, settings=body.settings(), wish=body.wish(actor))
    ).to_json()


@ROUTES.add("GET", path="/warmup/plans", role=VIEWER, reply=shapes.Warmups)
async def list_warmups(desk: Desk, *, query: shapes.WarmupsQuery) -> object:
    """Every plan with a cap: stage, cap, what was sent today, what comes next, why held."""
    return {"items": await warmup.listed(desk, everything=query.everything)}


@ROUTES.add("GET", path="/warmup/plans/{plan}", role=VIEWER, reply=shapes.WarmupPlan)
async def read_warmup(desk: Desk, *, plan: str) -> object:
    """One plan, its last days with what came of each, and the days ahead."""
    return await warmup.one(desk, plan)


@ROUTES.add("GET", path="/warmup/forecast", role=VIEWER, reply=shapes.Forecast)
async def read_forecast(desk: Desk, *, query: shapes.ForecastQuery) -> object:
    """The days ahead if each counts, and the true date of a monthly volume."""
    return await warmup.forecast(desk, query.question())


@ROUTES.add("GET", path="/warmup/ladders", role=VIEWER, reply=shapes.Ladders)
async def list_ladders(desk: Desk) -> object:
    """The ladders there are, with their sources."""
    return {"items": warmup_words.known_ladders()}


@ROUTES.add("POST", path="/warmup/plans/{plan}/start", role=OPERATOR, reply=Done)
async def start_warmup(desk: Desk, *, plan: str, body: shapes.WarmupStart, actor: Actor) -> object:
    """Begins a plan of an address or a sending domain, or begins it anew."""
    return (await warmup.start(desk, plan, begin=body.begin(), wish=body.wish(actor))).to_json()


@ROUTES.add("POST", path="/warmup/plans/{plan}/hold", role=OPERATOR, reply=Done)
async def hold_warmup(desk: Desk, *, plan: str, body: ReasonedAct, actor: Actor) -> object:
    """The stage stands until a person resumes it."""
    return (await warmup.hold(desk, plan, wish=body.wish(actor))).to_json()


@ROUTES.add("POST", path="/warmup/plans/{plan}/resume", role=OPERATOR, reply=Done)
async def resume_warmup(desk: Desk, *, plan: str, body: Act, actor: Actor) -> object:
    """Lifts a hold, whoever holds."""
    return (await warmup.resume(desk, plan, wish=body.wish(actor))).to_json()
