"""Brings a file to the newest schema: numbered Alembic migrations that ship beside this module."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

HERE = Path(__file__).resolve().parent / "migrations"


def upgrade(connection: Connection, *, which: str, to: str = "head") -> None:
    """`which`: journal or samples. A file that is at the newest revision is not touched."""
    configuration = Config()
    configuration.set_main_option("script_location", str(HERE))
    configuration.set_main_option("version_locations", str(HERE / which))
    configuration.set_main_option("path_separator", "newline")
    configuration.attributes["connection"] = connection
    command.upgrade(configuration, to)


def revision(connection: Connection) -> str:
    """Empty for a file no migration has touched."""
    return MigrationContext.configure(connection).get_current_revision() or ""
