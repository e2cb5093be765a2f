"""Whether a node does what its newest directive says, by its own verified word. Pure."""

from collector.core.model import NodeFacts


def is_told_to_be_silent(node: NodeFacts) -> bool:
    return node.order is not None and node.order.is_silent


def is_in_step(
    wanted: tuple[int, int] | None, *, obeyed: tuple[int, int] | None, convergence: str
) -> bool:
    """The newest directive is in force, and Postfix verified to be so: we can still stop it."""
    return wanted is not None and obeyed == wanted and convergence == "verified"


def obeys(node: NodeFacts) -> bool:
    """The node reports the newest directive in force and shows its silence."""
    said = node.obedience
    return (
        said is not None
        and node.order is not None
        and said.order == node.order.order
        and said.is_silent
    )
