"""The journal and the samples: the only place that knows the database."""

from collector.adapters.store.opening import SqlStore
from collector.adapters.store.opening import open_store as open  # noqa: A004  # store.open(...)

__all__ = ["SqlStore", "open"]
