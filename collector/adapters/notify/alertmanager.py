"""Prometheus Alertmanager by its API v2 (openapi.yaml: POST /api/v2/alerts, GET /-/ready).

It keeps no alert that is not repeated: what still stands is posted anew before its end. Labels make
an alert's identity there, so they are few, bounded, and the same through an incident's life but for
the severity; when that changes the alert of the former severity is ended with the same call.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from collector.adapters.notify import post
from collector.adapters.notify.around import Around
from collector.core import letters
from collector.core.channels import Alertmanager, Secret, Settings
from collector.core.notice import Notice, Occasion
from collector.core.phrases import harmless
from collector.core.severity import Severity
from collector.ports_notify import ChannelError

# Alertmanager believes an alert over at its endsAt. Longer than a restart of ours takes.
LASTS = timedelta(minutes=15)
LABEL_MAX = 120
AT_ONCE = 200


class AlertmanagerChannel:
    """Implements `ports_notify.Channel`."""

    kind = "alertmanager"
    is_level = True

    def __init__(self, settings: Alertmanager, secret: Secret | None, *, around: Around) -> None:
        self._url = settings.url.rstrip("/")
        self._secret = secret
        self._around = around

    async def send(self, notice: Notice) -> str:
        alerts = [self.alert(notice, severity=notice.severity)]
        if notice.was not in (None, notice.severity):
            ended = self.alert(notice, severity=notice.was, is_over=True)
            alerts.append(ended)
        return await self._post(alerts)

    async def refresh(self, notices: Sequence[Notice]) -> None:
        standing = [self.alert(one, severity=one.severity) for one in notices]
        for start in range(0, len(standing), AT_ONCE):
            await self._post(standing[start : start + AT_ONCE])

    async def check(self) -> str:
        status, said = await post.call("GET", url=f"{self._url}/-/ready", headers=self._headers())
        if status != 200:
            raise ChannelError(f"not ready: {status} {said}", retryable=True)
        return "ready"

    async def close(self) -> None:
        """Nothing is kept open."""

    def alert(
        self, notice: Notice, *, severity: Severity | None, is_over: bool = False
    ) -> dict[str, object]:
        """A `postableAlert`: labels and annotations are strings, times RFC 3339."""
        now = self._around.clock.now()
        over = is_over or notice.event in (Occasion.RESOLVED, Occasion.TEST)
        zone = notice.cause.partition(":")[2]
        labels = {
            "alertname": "mailfleet",
            "cause": notice.cause.partition(":")[0],
            "zone": zone,
            "severity": (severity or notice.severity).value,
            "fleet": self._around.fleet,
            "incident": notice.thread,
            "tenant": notice.tenant or "",
        }
        notes = {
            "summary": notice.title,
            "alert": letters.name_of(notice),
            "description": letters.body(notice, fleet=self._around.fleet),
            "nodes": ", ".join(notice.nodes),
            "pools": ", ".join(notice.pools),
        }
        return {
            "labels": {k: harmless(v, most=LABEL_MAX) for k, v in labels.items() if v},
            "annotations": {k: v for k, v in notes.items() if v},
            "startsAt": _stamp(notice.opened_at),
            "endsAt": _stamp(now if over else now + LASTS),
        }

    async def _post(self, alerts: Sequence[dict[str, object]]) -> str:
        body = json.dumps(alerts).encode()
        return await post.post(f"{self._url}/api/v2/alerts", body, headers=self._headers())

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "User-Agent": "mailfleet"}
        if self._secret is not None:
            headers["Authorization"] = f"Bearer {self._secret.reveal()}"
        return headers


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def build(settings: Settings, secret: Secret | None, *, around: Around) -> AlertmanagerChannel:
    assert isinstance(settings, Alertmanager), settings
    return AlertmanagerChannel(settings, secret, around=around)
