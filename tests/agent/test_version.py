"""The version in the code is that of the package."""

from importlib import metadata

from agent.version import VERSION


def test_the_version_is_the_packages() -> None:
    assert metadata.version("mailfleet") == VERSION
