"""What is wrong with the agent itself, one problem a part, and how often its state failed it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from agent.state import StateError

log = structlog.get_logger()


class Health:
    def __init__(self) -> None:
        self.state_errors = 0
        self._problems: dict[str, str] = {}
        self._refused: dict[str, str] = {}  # by what was to be written

    def say(self, part: str, *, problem: str) -> None:
        """The part's problem from here on; "" when it has none. Logged when it changes."""
        if problem == self._problems.get(part, ""):
            return
        if problem:
            log.warning("problem", part=part, problem=problem)
            self._problems[part] = problem
        else:
            log.info("problem over", part=part)
            del self._problems[part]

    @property
    def problems(self) -> tuple[str, ...]:
        return tuple(f"{part}: {problem}" for part, problem in sorted(self._problems.items()))

    @contextmanager
    def coping(
        self, doing: str, *, is_written: Callable[[], bool] = lambda: True
    ) -> Iterator[None]:
        """A write that may be missed without harm: counted and said, never in the way. A state
        file that is broken, not only full, ends the agent: its next start makes a new one.

        `is_written`: asked where nothing was refused; what was not even tried proves nothing.
        """
        try:
            yield
        except StateError as error:
            if not error.retryable:
                raise
            self.state_errors += 1
            self._refused[doing] = f"{doing}: {error}"
        else:
            if is_written():
                self._refused.pop(doing, None)  # what else was refused may be so still
        self.say("state", problem="; ".join(self._refused.values()))
