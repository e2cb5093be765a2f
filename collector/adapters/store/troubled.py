"""What stands against the fleet, as a judgement reads it: open alerts, the docket, listings that
pause. A pass over nothing new reads nothing of it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Row, select

from collector.adapters.store import encode, incidents
from collector.adapters.store.mirror import UNREAD, Mirror, read_changes
from collector.adapters.store.moments import from_ms
from collector.adapters.store.schema_acts import alerts, listings
from collector.adapters.store.schema_alerts import incidents as incidents_table
from collector.core.incident import Docket, Incident, Place
from collector.core.model import AlertFact, Listing, Severity

ALERTS = select(alerts).where(alerts.c.resolved_at.is_(None)).order_by(alerts.c.key)
LISTINGS = select(listings).where(listings.c.closed_at.is_(None), listings.c.consequence == "pause")
PLACES = "places"


class Troubled:
    """Of one journal. Readers are several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._alerts = Mirror(alerts, standing=ALERTS, key="id", made=alert_of)
        self._listings = Mirror(listings, standing=LISTINGS, key="id", made=_listing)
        self._incidents = Mirror(
            incidents_table, standing=incidents.KNOWN, key="number", made=incidents.incident_of
        )
        self._ordered: tuple[AlertFact, ...] = ()
        self._by_zone: dict[str, tuple[Listing, ...]] = {}
        self._places: dict[str, Place] = {}
        # The number by which the places were read, and whether they are of these alerts.
        self._placed, self._is_placed = UNREAD, False

    def alerts(self, connection: Connection) -> tuple[AlertFact, ...]:
        """Those that stand, in the order of their keys."""
        with self._lock:
            return self._read_alerts(connection, read_changes(connection))

    def listings(self, connection: Connection) -> dict[str, tuple[Listing, ...]]:
        """Open ones that pause, by zone, newest last."""
        with self._lock:
            if self._listings.read(connection, read_changes(connection)):
                self._by_zone = _by_zone(self._listings.values.values())
            return self._by_zone

    def docket(self, connection: Connection, *, now: int) -> Docket:
        """Of silences also those that are still to begin."""
        with self._lock:
            found = read_changes(connection)
            self._read_alerts(connection, found)
            self._read_places(connection, found)
            since = now - incidents.LATELY
            self._incidents.read(connection, found, since=since)
            return Docket(
                incidents=_worth_knowing(self._incidents.values, since=from_ms(since)),
                silences=tuple(incidents.active_silences(connection, now=now)),
                places=self._places,
                next_number=incidents.next_number(connection),
            )

    def forget(self) -> None:
        """All is read anew: now and then, so that nothing wrong could stand for long."""
        with self._lock:
            for one in (self._alerts, self._listings, self._incidents):
                one.forget()
            self._placed = UNREAD

    def _read_alerts(
        self, connection: Connection, found: Mapping[str, int]
    ) -> tuple[AlertFact, ...]:
        if self._alerts.read(connection, found):
            standing = self._alerts.values.values()
            self._ordered = tuple(sorted(standing, key=lambda one: one.key))
            self._is_placed = False
        return self._ordered

    def _read_places(self, connection: Connection, found: Mapping[str, int]) -> None:
        """Of each node with an alert; of all of them anew when any node or pool was renamed. What
        was handed out stays as it was."""
        is_old = found[PLACES] > self._placed
        if self._is_placed and not is_old:
            return
        wanted = {one.node_id for one in self._ordered if one.node_id is not None}
        known = {} if is_old else self._places
        kept = {node_id: place for node_id, place in known.items() if node_id in wanted}
        self._places = kept | incidents.places(connection, sorted(wanted - kept.keys()))
        self._placed, self._is_placed = found[PLACES], True


def alert_of(row: Row[Any]) -> AlertFact | None:
    if row.resolved_at is not None:
        return None
    return AlertFact(
        key=row.key,
        severity=Severity(row.severity),
        text=row.text,
        opened_at=from_ms(row.opened_at),
        node_id=row.node_id,
    )


def _listing(row: Row[Any]) -> Listing | None:
    if row.closed_at is not None or row.consequence != "pause":
        return None
    return listing_of(row)


def listing_of(row: Row[Any]) -> Listing:
    return Listing(
        id=row.id,
        node_id=row.node_id,
        address=row.address,
        zone=row.zone,
        answers=encode.strings(row.answers),
        opened_at=from_ms(row.opened_at),
        confirmed_by=row.confirmed_by,
        consequence=row.consequence,
    )


def _by_zone(found: Iterable[Listing]) -> dict[str, tuple[Listing, ...]]:
    zones: dict[str, list[Listing]] = {}
    for one in sorted(found, key=lambda one: (one.zone, one.opened_at, one.id)):
        zones.setdefault(one.zone, []).append(one)
    return {zone: tuple(ones) for zone, ones in zones.items()}


def _worth_knowing(known: dict[int, Incident], *, since: datetime) -> tuple[Incident, ...]:
    """The open ones, and then those that may open again; older ones are let go."""
    for number in [n for n, one in known.items() if one.resolved_at and one.resolved_at <= since]:
        del known[number]
    numbered = sorted(known.items())
    ended = [(one.resolved_at, one) for _, one in numbered if one.resolved_at is not None]
    lately = sorted(ended, key=lambda item: item[0], reverse=True)[: incidents.LATELY_MAX]
    return (
        *(one for _, one in numbered if one.is_open),
        *(one for _, one in lately),
    )
