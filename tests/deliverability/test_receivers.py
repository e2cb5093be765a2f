"""Roll-up by MX host name, organisational domains, and what a name may not become."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverability import receivers


@pytest.mark.parametrize(
    "relay_host, recipient_domain, expected",
    [
        ("aspmx.l.google.com", "firm.example", "google"),
        ("ALT1.ASPMX.L.GOOGLE.COM.", "firm.example", "google"),
        ("aspmx2.googlemail.com", "", "google"),
        ("firm-example.mail.protection.outlook.com", "", "microsoft"),
        ("outlook-com.olc.protection.outlook.com", "", "microsoft"),
        ("firm.o-v1.mx.microsoft", "", "microsoft"),
        ("mta7.am0.yahoodns.net", "", "yahoo"),
        ("mx01.mail.icloud.com", "", "apple"),
        ("mx1a1.comcast.net", "", "comcast"),
        ("smtp-in.orange.fr", "", "orange"),
        ("mx00.gmx.net", "", "gmx"),
        ("mx-ha03.web.de", "", "gmx"),
        ("mx00.t-online.de", "", "t-online"),
        ("eu-smtp-inbound-1.mimecast.com", "", "mimecast"),
        ("mx1.ppe-hosted.com", "", "proofpoint"),
        ("mx2.zoho.eu", "", "zoho"),
        ("mx.yandex.net", "", "yandex"),
        ("mxs.mail.ru", "", "mail.ru"),
        ("mx3.qq.com", "", "qq"),
        ("163mx01.mxmail.netease.com", "", "163"),
        ("smtp.google.com", "", "google"),
        ("firm.mail.protection.office365.us", "", "microsoft"),
        ("firm.mail.protection.partner.outlook.cn", "", "microsoft"),
        ("mx-att.mail.am0.yahoodns.net", "", "yahoo"),
        ("mx00.mail.com", "", "gmx"),
        ("mx0a-00123401.pphosted.com", "", "proofpoint"),
        ("za-smtp-inbound-1.mimecast.co.za", "", "mimecast"),
        ("mx.zoho.com.au", "", "zoho"),
        ("mxbiz1.qq.com", "", "qq"),
        ("qiye163mx01.mxmail.netease.com", "", "163"),
        ("mx1.mail.yahoo.co.jp", "", "yahoo.co.jp"),
        ("mx3.hotmail.com", "", "microsoft"),
        ("mx1.mail.tw.yahoo.com", "", "yahoo"),
        ("mailin-01.mx.aol.com", "", "yahoo"),
        ("smtp-relay.gmail.com", "", "google"),
        ("smtp.wanadoo.fr", "", "orange"),
        ("notgoogle.com", "", "notgoogle.com"),
        ("mail.google.com.evil.example", "", "evil.example"),
        ("mx.a.b.firm.com.br", "", "firm.com.br"),
        ("com.br", "", "com.br"),
        ("", "gmail.com", "google"),
        ("", "sub.hotmail.com", "microsoft"),
        ("", "Yahoo.co.uk", "yahoo"),
        ("", "sbcglobal.net", "yahoo"),
        ("", "live.fr", "microsoft"),
        ("", "gmx.ch", "gmx"),
        ("", "wanadoo.fr", "orange"),
        ("", "ya.ru", "yandex"),
        ("", "firm.co.uk", "firm.co.uk"),
        ("", "dept.firm.example", "firm.example"),
        ("203.0.113.9", "firm.example", "firm.example"),
        ("203.0.113.9", "203.0.113.9", receivers.UNKNOWN),
        ("localhost", "", receivers.UNKNOWN),
        ("", "other", receivers.UNKNOWN),
        ("", "[203.0.113.9]", receivers.UNKNOWN),
        ("", "a b.example", receivers.UNKNOWN),
        ("", "b\ufffdcher.example", receivers.UNKNOWN),
        ("", "..", receivers.UNKNOWN),
        ("", "", receivers.UNKNOWN),
    ],
)
def test_who_received_it(relay_host: str, recipient_domain: str, expected: str) -> None:
    found = receivers.receiver_of(relay_host=relay_host, recipient_domain=recipient_domain)
    assert found == expected


@given(st.text(max_size=300), st.text(max_size=300))
def test_a_name_is_short_plain_and_never_one_of_ours(relay: str, domain: str) -> None:
    name = receivers.receiver_of(relay_host=relay, recipient_domain=domain)
    assert 0 < len(name) <= receivers.NAME_LENGTH_MAX
    assert name.isascii()
    assert name not in {receivers.LOCAL, receivers.OTHER}


NAMED = {
    *("google", "microsoft", "yahoo", "apple", "comcast", "orange", "gmx", "t-online", "mimecast"),
    *("proofpoint", "zoho", "yandex", "mail.ru", "qq", "163"),
}


def test_the_table() -> None:
    lines = (Path(receivers.__file__).parent / "receivers.tsv").read_text().splitlines()
    assert lines[0].split("\t") == ["receiver", "kind", "suffix", "source", "dated"]
    rows = [line.split("\t") for line in lines[1:]]
    for receiver, kind, suffix, source, dated in rows:
        assert kind in {"mx", "domain"}, suffix
        assert suffix == suffix.lower().strip("."), suffix
        assert "." in suffix, suffix
        assert receiver in NAMED, suffix
        assert source, suffix
        assert date(2026, 1, 1) <= date.fromisoformat(dated), suffix
    assert len({(kind, suffix) for _, kind, suffix, *_ in rows}) == len(rows)
    assert receivers.KNOWN == NAMED
    assert not receivers.KNOWN & receivers.RESERVED
    assert set(receivers.RECIPIENT_DOMAINS.values()) <= receivers.KNOWN
    assert len(receivers.MX_SUFFIXES) + len(receivers.RECIPIENT_DOMAINS) == len(rows)


@pytest.mark.parametrize("suffix, receiver", receivers.MX_SUFFIXES.items())
def test_an_ending_is_one_of_whole_labels(suffix: str, receiver: str) -> None:
    def found(host: str) -> str:
        return receivers.receiver_of(relay_host=host, recipient_domain="")

    assert found(f"mx1.{suffix}") == receiver
    assert found(f"MX1.{suffix.upper()}.") == receiver
    assert found(f"{suffix}.firm.example") == "firm.example"
