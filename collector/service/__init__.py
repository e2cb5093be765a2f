"""Builds everything: founds a collector once, runs it ever after."""

from collector.service.founding import Founded, FoundingError, found, plan
from collector.service.http import ServiceError
from collector.service.running import run, serve

__all__ = ["Founded", "FoundingError", "ServiceError", "found", "plan", "run", "serve"]
