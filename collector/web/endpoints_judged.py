"""Routes about how it was decided: a decision judged once more."""

from collector.operate import replay
from collector.operate.desk import Desk
from collector.web import shapes_judged as shapes
from collector.web.routes import Role, Routes

ROUTES = Routes()
VIEWER = Role.VIEWER


@ROUTES.add("GET", path="/decisions/{decision}/replay", role=VIEWER, reply=shapes.Replay)
async def replay_decision(desk: Desk, *, decision: str) -> object:
    """Judges a decision again from what was stored beside it; what comes out otherwise."""
    return await replay.read(desk, decision)
