"""Whether a node does what its newest directive says, by its own verified word. Pure."""

from collector.core.model import NodeFacts


def is_told_to_be_silent(node: NodeFacts) -> bool:
    return node.order is not None and node.order.is_silent


def obeys(node: NodeFacts) -> bool:
    """The node reports the newest directive in force and shows its silence."""
    said = node.obedience
    return (
        said is not None
        and node.order is not None
        and said.order == node.order.order
        and said.is_silent
    )
