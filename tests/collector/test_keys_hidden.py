"""A zone's key is asked with, and stands nowhere: in no answer, log, row, alert or archive.

Through the real rbldnsd, whose words repeat the key, on good days and on bad ones.
"""

from pathlib import Path

import pytest

from collector.core.model import Automation
from deliverability.zones import ZEN, ZoneKey, ZoneKeys
from tests import collector_bed
from tests.collector_bed import Bed
from tests.rbldnsd_bed import KEY, Rbldnsd

TOLD = (
    *(("zone", "ls", "-o", form) for form in ("table", "json", "name")),
    *(("zone", "show", ZEN.name, "-o", form) for form in ("table", "json")),
    *(("why", "mta-1", "-o", form) for form in ("table", "json")),
    *(("status", "-o", form) for form in ("table", "json")),
    ("node", "show", "mta-1", "-o", "json"),
    ("alert", "ls", "-o", "json"),
    ("events", "-o", "json"),
    ("doctor", "-o", "json"),
)


async def said(bed: Bed, *words: str) -> str:
    code, out, err = await bed.mailfleet(*words)
    assert code in (0, 1, 10, 11), (words, out, err)
    return out + err


async def looks(bed: Bed) -> str:
    address = bed.nodes["mta-1"].address
    words = ("zone", "test", ZEN.name, address)
    return await said(bed, *words) + await said(bed, *words, "-o", "json")


@pytest.mark.needs("rbldnsd")
async def test_a_key_is_shown_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "context.toml"
    place.write_text(f'socket = "{tmp_path}/c.sock"\n')
    monkeypatch.setenv("MAILFLEET_CONTEXT", str(place))
    monkeypatch.delenv("MAILFLEET_URL", raising=False)
    keys = ZoneKeys(ZoneKey(KEY))
    with Rbldnsd(tmp_path) as dns:
        dns.words = f"see https://check.example/{KEY.upper()}"
        async with collector_bed.running(tmp_path, keys=keys, dns=[dns.address]) as bed:
            await bed.automation(Automation.ACT)
            await bed.join("mta-1", "mta-2")
            dns.list(bed.nodes["mta-1"].address, "127.0.0.4")
            await bed.list("mta-1", "127.0.0.4")
            texts = [await looks(bed)]
            assert "1 active, 1 paused" in await said(bed, "status")
            assert "https://check.example/<key>" in texts[0]
            dns.mad()
            texts.append(await looks(bed))
            assert "sentinel 127.0.0.1 listed" in texts[-1]
            dns.freeze()
            texts.append(await said(bed, "zone", "test", ZEN.name, "192.0.2.1"))
            assert "timeout" in texts[-1]
            dns.wake()
            dns.normal()
            texts += [await said(bed, *words) for words in TOLD]
            texts += [repr(bed.parts), repr(bed.parts.desk), repr(keys), str(keys)]
            alerts = await bed.parts.store.journal(after=0, limit=1000, node_id=None)
            texts.append(repr(alerts))
        kept = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
    logged = capfd.readouterr()
    traces = [text.encode() for text in (*texts, logged.out, logged.err)]
    traces += [path.read_bytes() for path in kept]
    assert {"journal.db", "samples.db"} <= {path.name for path in kept}
    assert any(b"127.0.0.4" in trace for trace in traces)
    assert not [trace[:200] for trace in traces if KEY.encode() in trace.lower()]
