"""Directives on the wire, both ways, and what a node says of its standing orders."""

from datetime import timedelta

from collector.core.model import Order
from collector.core.readings import StandingOrders, StandingReport
from collector.rpc import bounds, wire_values
from protos import fleet_pb2 as pb


def out(order: Order) -> pb.Directive:
    lifted = order.standing_lifted
    return pb.Directive(
        term=order.term,
        revision=order.revision,
        node_pauses=order.node_pauses,
        addresses=[
            pb.AddressOrder(address=address, pauses=pauses) for address, pauses in order.addresses
        ],
        standing=_standing_out(order.standing),
        standing_lifted_ms=0 if lifted is None else wire_values.milliseconds(lifted),
    )


def taken(m: pb.Directive) -> Order:
    bounds.few("applied.addresses", len(m.addresses), most=bounds.ADDRESSES_MAX)
    return Order(
        term=bounds.number("applied.term", m.term, least=1, most=bounds.ORDER_MAX),
        revision=bounds.number("applied.revision", m.revision, least=1, most=bounds.ORDER_MAX),
        node_pauses=bounds.names("applied.node_pauses", m.node_pauses, most=bounds.PAUSES_MAX),
        addresses=tuple(
            (
                bounds.address(one.address),
                bounds.names("applied.pauses", one.pauses, most=bounds.PAUSES_MAX),
            )
            for one in m.addresses
        ),
        standing=_standing(m.standing) if m.HasField("standing") else None,
        standing_lifted=bounds.moment_or_none("standing_lifted", m.standing_lifted_ms),
    )


def _standing(m: pb.StandingOrders) -> StandingOrders:
    return StandingOrders(unheard_for=timedelta(milliseconds=m.unheard_ms), sweeps=m.sweeps)


def silenced_itself(m: pb.PostfixReading) -> StandingReport | None:
    since = bounds.moment_or_none("standing_since", m.standing_since_ms)
    why = bounds.text("standing_why", value=m.standing_why)
    return None if since is None else StandingReport(since=since, text=why)


def _standing_out(standing: StandingOrders | None) -> pb.StandingOrders | None:
    if standing is None:
        return None
    unheard = standing.unheard_for // wire_values.MILLISECOND
    return pb.StandingOrders(unheard_ms=unheard, sweeps=standing.sweeps)
