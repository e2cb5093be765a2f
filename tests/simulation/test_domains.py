"""Sending domains of a simulated fleet: their days advance by what heartbeats tell."""

from random import Random

from collector.core.policy import Policy
from tests.simulation import readings
from tests.simulation.fleet import Fleet
from tests.simulation.goals import Goals
from tests.simulation.happening import Happening
from tests.simulation.link import PoolPlan
from tests.simulation.plan import DAY, Plan

NODES = 2


async def test_a_domains_days_count_through_heartbeats() -> None:
    pool = PoolPlan(name="pool-0", nodes=NODES, warming=NODES)
    plan = Plan(seed=1, pools=(pool,), mishaps=(), lasts=3.2 * DAY)
    fleet = Fleet(plan.pools, policy=Policy(), random=Random(plan.seed))
    fleet.may_sleep = True
    happening = Happening(fleet, plan)
    goals = Goals(fleet, happening.truth)
    await fleet.join()
    happening.schedule()
    fleet.watchers += [goals.watch, happening.note_orders]
    await fleet.advance(plan.lasts)
    goals.end()
    tables = fleet.memory.tables
    for link in fleet.links.values():
        domain = readings.domain_of(link.agent.name)
        of_domain = tables.warmups["", domain]
        (of_address,) = (tables.warmups[link.agent.node_id, ip] for ip in link.agent.addresses)
        assert of_domain.stage == of_address.stage >= 2, (of_domain, of_address)
        assert of_domain.counted == of_address.counted
