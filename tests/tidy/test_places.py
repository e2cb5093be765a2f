"""Every library stands in its place, and the checker sees one that does not."""

from pathlib import Path

import pytest

from tests.tidy import places, tree


def test_every_library_is_named_only_in_its_place() -> None:
    complaints = places.check(tree.load(tree.ROOT))
    assert not complaints, "\n".join(complaints)


BAD = {
    "grpc in the store": ("collector/adapters/store/journal.py", "import grpc.aio"),
    "messages outside the wire": ("agent/report.py", "from protos import fleet_pb2"),
    "cryptography in the daemon": ("agent/daemon.py", "from cryptography import x509"),
    "SQL in a rule": ("collector/control.py", "import sqlalchemy as sa"),
    "sqlite in intake": ("collector/intake.py", "import sqlite3"),
    "click in the daemon": ("agent/daemon.py", "import click"),
    "the web in the agent": ("agent/uplink.py", "import aiohttp"),
    "logging in the core": ("collector/core/decide.py", "import structlog"),
    "an unknown library": ("collector/web/rest.py", "import flask"),
    "tests in the product": ("collector/web/rest.py", "from tests.tidy import tree"),
}


@pytest.mark.parametrize("path, text", BAD.values(), ids=BAD)
def test_a_misplaced_library_is_seen(tmp_path: Path, path: str, text: str) -> None:
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(text + "\n")
    complaints = places.check(tree.load(tmp_path))
    assert len(complaints) == 1
    assert complaints[0].startswith(f"{path}:1: ")
