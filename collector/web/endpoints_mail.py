"""Routes about mail: receivers, queues, the day's report, the proof of a node's totals."""

from collector.operate import mail, receivers, totals
from collector.operate.desk import Desk
from collector.web import shapes_mail as shapes
from collector.web.routes import Role, Routes
from collector.web.shapes import DailyQuery

ROUTES = Routes()
VIEWER, OPERATOR = Role.VIEWER, Role.OPERATOR


@ROUTES.add("GET", path="/receivers", role=VIEWER, reply=shapes.Receivers)
async def list_receivers(desk: Desk) -> object:
    """Every receiver tried within two hours, with its rates."""
    return {"items": await receivers.listed(desk)}


@ROUTES.add("GET", path="/receivers/{receiver}", role=VIEWER, reply=shapes.Receiver)
async def read_receiver(desk: Desk, *, receiver: str) -> object:
    """One receiver: our addresses there, its own words, how long it takes."""
    return await receivers.one(desk, receiver)


@ROUTES.add("GET", path="/queues", role=VIEWER, reply=shapes.Queues)
async def read_queues(desk: Desk) -> object:
    """Messages by queue, of each node and of all."""
    return await mail.queues(desk)


@ROUTES.add("GET", path="/reports/daily", role=VIEWER, reply=shapes.Daily)
async def read_daily(desk: Desk, *, query: DailyQuery) -> object:
    """One day (UTC) by receiver and address; yesterday unless another is named."""
    return await mail.daily(desk, query.day)


@ROUTES.add("POST", path="/nodes/{node}/recount", role=OPERATOR, reply=shapes.Audited)
async def audit_totals(desk: Desk, *, node: str) -> object:
    """Has the node count its logs once more, and compares. Until `is_done` it says how far it is:
    ask again. Changes nothing."""
    return await totals.audit(desk, node)
