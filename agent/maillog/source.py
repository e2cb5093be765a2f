"""What hands out the lines of a log, be it files or the journal. Reads nothing itself."""

from datetime import datetime
from typing import Protocol

from agent.maillog.follow import Batch
from agent.watched import Watched


class Source(Protocol):
    """One log, or several as one.

    `read` hands out the next lines, None when there are none; OSError when nothing can be read.
    `problems` are what a person must mend, one sentence each.
    """

    @property
    def problems(self) -> tuple[str, ...]: ...

    @property
    def watched(self) -> Watched:
        """What is to be watched for news."""

    def read(self, now: datetime) -> Batch | None: ...

    def expect_new(self) -> None:
        """There was no log to start at the end of: whatever comes is read from its beginning."""

    def close(self) -> None: ...
