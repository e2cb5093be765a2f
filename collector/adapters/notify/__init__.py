"""Ways to tell people: one file for each outside system, loaded when one is configured."""

from collector.adapters.notify.building import Around, build

__all__ = ["Around", "build"]
