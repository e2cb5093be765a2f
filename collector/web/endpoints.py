"""Every route of the REST API: parse, one function of `operate`, render."""

from collector.core.model import Automation
from collector.operate import change, checkup, mail, membership, overview, status, timeline, why
from collector.operate.desk import Desk, Wish
from collector.ports import Actor
from collector.web import (
    endpoints_alerts,
    endpoints_judged,
    endpoints_mail,
    endpoints_rotation,
    endpoints_zones,
    shapes,
)
from collector.web.routes import Role, Routes

ROUTES = Routes()
ROUTES.rows += endpoints_mail.ROUTES.rows + endpoints_zones.ROUTES.rows
ROUTES.rows += endpoints_judged.ROUTES.rows + endpoints_alerts.ROUTES.rows
ROUTES.rows += endpoints_rotation.ROUTES.rows
VIEWER, OPERATOR, ADMIN = Role.VIEWER, Role.OPERATOR, Role.ADMIN


@ROUTES.add("GET", path="/status", role=VIEWER, reply=shapes.Status)
async def read_status(desk: Desk) -> object:
    """The fleet in one answer: what hurts, what recovered, what needs you."""
    return await status.read(desk)


@ROUTES.add("GET", path="/nodes", role=VIEWER, reply=shapes.Nodes)
async def list_nodes(desk: Desk, *, query: shapes.NodesQuery) -> object:
    """All nodes, or those of a pool or a status."""
    rows = await overview.nodes(desk)
    wanted = {"pool": query.pool, "status": query.status}
    return {"items": [row for row in rows if all(row[k] == v for k, v in wanted.items() if v)]}


@ROUTES.add("GET", path="/nodes/{node}", role=VIEWER, reply=shapes.Node)
async def read_node(desk: Desk, *, node: str) -> object:
    """One node by id, name or address, with its totals and the owners' targets."""
    row = await overview.one(desk, node)
    return {**row, "targets": await mail.targets(desk, row)}


@ROUTES.add("POST", path="/nodes/{node}/pause", role=OPERATOR, reply=shapes.Done)
async def pause_node(desk: Desk, *, node: str, body: shapes.Pause, actor: Actor) -> object:
    """Pauses a node, or one of its addresses, until a person resumes it."""
    return (await change.pause(desk, node, address=body.address, wish=body.wish(actor))).to_json()


@ROUTES.add("POST", path="/nodes/{node}/resume", role=OPERATOR, reply=shapes.Done)
async def resume_node(desk: Desk, *, node: str, body: shapes.Resume, actor: Actor) -> object:
    """Lifts what people and restores paused; a listing only with override_listing."""
    done = await change.resume(
        desk,
        node,
        address=body.address,
        override=body.override_listing,
        wish=body.wish(actor),
    )
    return done.to_json()


@ROUTES.add("POST", path="/nodes/{node}/automation", role=ADMIN, reply=shapes.Done)
async def automate_node(
    desk: Desk, *, node: str, body: shapes.NodeAutomation, actor: Actor
) -> object:
    """Whether decisions about this node are carried out; as-pool: what its pool says."""
    value = None if body.value == "as-pool" else Automation(body.value)
    return (await change.automate_node(desk, node, value=value, wish=body.wish(actor))).to_json()


@ROUTES.add("POST", path="/nodes/{node}/revoke", role=ADMIN, reply=shapes.Done)
async def revoke_node(desk: Desk, *, node: str, body: shapes.ReasonedAct, actor: Actor) -> object:
    """Ends the node's certificates and closes its stream."""
    return (await membership.revoke(desk, node, wish=body.wish(actor))).to_json()


@ROUTES.add("POST", path="/tokens", role=ADMIN, reply=shapes.Token)
async def make_token(desk: Desk, *, body: shapes.NewToken, actor: Actor) -> object:
    """A join token, shown once: for one node, within 30 minutes."""
    return await membership.token(desk, pool=body.pool, node=body.node, wish=Wish(actor=actor))


@ROUTES.add("GET", path="/pools", role=VIEWER, reply=shapes.Pools)
async def list_pools(desk: Desk) -> object:
    """All pools with their nodes by status."""
    return {"items": await overview.pools(desk)}


@ROUTES.add("POST", path="/pools/{pool}/automation", role=ADMIN, reply=shapes.Done)
async def automate_pool(
    desk: Desk, *, pool: str, body: shapes.PoolAutomation, actor: Actor
) -> object:
    """Whether decisions about a pool's nodes are carried out, or only recorded."""
    value = Automation(body.value)
    return (await change.automate_pool(desk, pool, value=value, wish=body.wish(actor))).to_json()


@ROUTES.add("POST", path="/stop/automation", role=OPERATOR, reply=shapes.Done)
async def stop_automation(desk: Desk, *, body: shapes.Stop, actor: Actor) -> object:
    """Stops or allows everything automatic."""
    wish = body.wish(actor)
    return (await change.switch(desk, "automation", stop=body.stop, wish=wish)).to_json()


@ROUTES.add("POST", path="/stop/sending", role=OPERATOR, reply=shapes.Done)
async def stop_sending(desk: Desk, *, body: shapes.Stop, actor: Actor) -> object:
    """Tells every node to be silent, or lifts that."""
    wish = body.wish(actor)
    return (await change.switch(desk, "sending", stop=body.stop, wish=wish)).to_json()


@ROUTES.add("GET", path="/why/{subject}", role=VIEWER, reply=shapes.Why)
async def read_why(desk: Desk, *, subject: str) -> object:
    """Why a node or address sends or does not; or one decision by its id."""
    return await why.read(desk, subject)


@ROUTES.add("GET", path="/events", role=VIEWER, reply=shapes.Events)
async def list_events(desk: Desk, *, query: shapes.EventsQuery) -> object:
    """The timeline, oldest first."""
    asked = timeline.Asked(after=query.after, limit=query.limit, since=query.since, node=query.node)
    return await timeline.read(desk, asked)


@ROUTES.add("GET", path="/ca", role=VIEWER, reply=shapes.Ca)
async def read_ca(desk: Desk) -> object:
    """The roots trusted now."""
    return membership.ca(desk)


@ROUTES.add("POST", path="/ca/rotate", role=ADMIN, reply=shapes.Done)
async def rotate_ca(desk: Desk, *, body: shapes.ReasonedAct, actor: Actor) -> object:
    """A new root issues from now on; the one before stays trusted."""
    return (await membership.rotate_ca(desk, wish=body.wish(actor))).to_json()


@ROUTES.add("GET", path="/doctor", role=VIEWER, reply=shapes.Doctor)
async def read_doctor(desk: Desk) -> object:
    """The collector's own health, each fault with its remedy."""
    return await checkup.examine(desk)
