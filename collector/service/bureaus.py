"""Builds how people are told: every configured channel with its secret, and who serves them."""

from collections.abc import Callable, Mapping

from collector.adapters import notify
from collector.adapters.clock import SystemClock
from collector.adapters.doorbell import Bell
from collector.config import Config
from collector.core.channels import Secret
from collector.courier import AlertStore, Courier, Ways
from collector.operate.desk import Bureau
from collector.ports import Clock
from collector.ports_notify import NotifyStore


def made(config: Config, journal: NotifyStore, *, secrets: Mapping[str, Secret]) -> Bureau:
    """Nothing is opened yet."""
    around = notify.Around(fleet=config.fleet, clock=SystemClock(), ours=journal.own_names)
    return Bureau(
        store=journal,
        channels={
            one.name: notify.build(one, secrets.get(one.name), around=around)
            for one in config.channels
        },
        routes=config.routes,
    )


def courier(
    bureau: Bureau, journal: AlertStore, *, clock: Clock, term: Callable[[], int]
) -> Courier:
    return Courier(
        journal,
        ways=Ways(channels=bureau.channels, routes=bureau.routes),
        clock=clock,
        term=term,
        bell=Bell(),
    )
