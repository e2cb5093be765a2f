"""All Postfix instances of this machine as one: observed together, paused together.

Combines conservatively: running if any is, closed only if all are, loaded only if all are. Answers
the helper's verbs; knows nothing of sockets.
"""

from agent.postfix import directories, verbs
from agent.postfix.commands import PostfixProblem
from agent.postfix.instance import Instance, Sight
from agent.postfix.pause import Steering
from agent.postfix.verbs import Message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

INSTANCES_MAX = 32
# Stands for an outbound service whose name no answer can hold: it is never deferred.
UNNAMED = "~unnamed"

# What goes back: a message and the descriptors that travel with it.
Answer = tuple[Message, list[int]]


class Installation:
    """The instance of this directory, and those its multi_instance_directories names."""

    def __init__(self, directory: str) -> None:
        self._primary = directory
        self._steerings: dict[str, Steering] = {}

    def answer(self, request: Message) -> list[Answer]:
        """One answer, or several parts of it; the caller closes the descriptors.

        Raises PostfixProblem and OSError.
        """
        if request.kind == "queue":
            return self._queue()
        verb = {
            "version": _version,
            "observe": self._observe,
            "pause": self._pause,
            "resume": self._resume,
        }[request.kind]
        return [(verb(), [])]

    def _observe(self) -> Message:
        sights = {label: it.instance.look() for label, it in self._instances().items()}
        running = {label: sight for label, sight in sights.items() if sight.running}
        # The one that is furthest from knowing its configuration stands for all.
        worst = max((running or sights).values(), key=lambda sight: sight.lag_us)
        return Message(
            "observed",
            {
                "running": bool(running),
                "version": sights[""].facts.values["mail_version"],
                "outbound": tuple(name or UNNAMED for name in _names(sights, "outbound")),
                "deferred": tuple(name for name in _names(sights, "deferred") if name),
                "paused": any(sight.facts.has_mark for sight in sights.values()),
                "config_changed_us": worst.changed_us,
                "qmgr_started_us": worst.qmgr_started_us,
            },
        )

    def _pause(self) -> Message:
        return _each(self._instances(), Steering.pause)

    def _resume(self) -> Message:
        return _each(self._instances(), Steering.resume)

    def _queue(self) -> list[Answer]:
        opened: list[tuple[str, int]] = []
        try:
            for label, steering in self._instances().items():
                directory = steering.instance.facts().values["queue_directory"]
                room = directories.DIRECTORIES_MAX - len(opened)
                opened += directories.open_queues(directory, label=label or "postfix", room=room)
        except PostfixProblem:
            directories.close(opened)
            raise
        size = verbs.DESCRIPTORS_MAX
        parts = [opened[start : start + size] for start in range(0, len(opened), size)] or [[]]
        return [
            (_part(part, number=number, count=len(parts)), [descriptor for _, descriptor in part])
            for number, part in enumerate(parts, 1)
        ]

    def _instances(self) -> dict[str, Steering]:
        """By label: the primary's is empty, the others' is their directory's own name."""
        named = {"": self._primary}
        primary = self._steering(self._primary).instance.facts()
        text = primary.values["multi_instance_directories"]
        for directory in text.replace(",", " ").split():
            label = directory.rstrip("/").rpartition("/")[2]
            while label in named:
                label += "~"
            named[label] = directory
        if len(named) > INSTANCES_MAX or not all(map(verbs.is_name, list(named)[1:])):
            raise PostfixProblem(f"multi_instance_directories: {text:.100}", retryable=False)
        self._steerings = {path: self._steering(path) for path in named.values()}
        return {label: self._steerings[path] for label, path in named.items()}

    def _steering(self, directory: str) -> Steering:
        return self._steerings.get(directory) or Steering(Instance(directory))


def _version() -> Message:
    return Message("version", {"protocol": verbs.PROTOCOL, "verbs": tuple(verbs.REQUESTS)})


def _each(
    steerings: dict[str, Steering], act: "Callable[[Steering], tuple[bool, bool]]"
) -> Message:
    """Every instance gets its turn, whatever happens at another; then the first problem is said."""
    changed = reloaded = False
    problems: list[PostfixProblem] = []
    for steering in steerings.values():
        try:
            result = act(steering)
        except PostfixProblem as problem:
            problems.append(problem)
        else:
            changed, reloaded = changed or result[0], reloaded or result[1]
    if problems:
        text = "; ".join(problem.text for problem in problems)
        raise PostfixProblem(text, retryable=all(problem.retryable for problem in problems))
    return Message("done", {"changed": changed, "reloaded": reloaded})


def _names(sights: dict[str, Sight], which: str) -> list[str]:
    """Services of all instances, sorted, those of a secondary one as `label/name`.

    A name that cannot be written in an answer is empty.
    """
    full = {
        f"{label}/{name}" if label else name
        for label, sight in sights.items()
        for name in getattr(sight.facts, which)
    }
    return sorted({name if verbs.is_name(name) else "" for name in full})


def _part(part: list[tuple[str, int]], *, number: int, count: int) -> Message:
    names = tuple(name for name, _ in part)
    return Message("directories", {"part": number, "parts": count, "names": names})
