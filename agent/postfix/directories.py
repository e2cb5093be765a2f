"""Opens the queue directories of an instance, so that somebody without rights can count in them.

Read-only descriptors of directories; no queue file is opened and nothing is listed. A queue whose
directories cannot all be opened is left out: a part of a count is not a count.
"""

import os

QUEUES = ("active", "incoming", "deferred", "hold", "maildrop")
# Names of hashed subdirectories (hash_queue_depth in postconf(5)): digits of a hexadecimal number.
HASHES = "0123456789ABCDEF"
DEPTH_MAX = 2
# Of all instances together: two levels below `deferred` of one instance are 273.
DIRECTORIES_MAX = 768

FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def open_queues(queue_directory: str, *, label: str, room: int) -> list[tuple[str, int]]:
    """(`label:queue/A/B`, descriptor) of every directory; parents before their children.

    room: how many may be opened at most. The caller closes the descriptors.
    """
    opened: list[tuple[str, int]] = []
    for queue in QUEUES:
        tree: list[tuple[str, int]] = []
        try:
            _open_tree(f"{queue_directory}/{queue}", name=f"{label}:{queue}", into=tree)
        except OSError:
            close(tree)
            continue
        if len(opened) + len(tree) > room:
            close(tree)
            continue
        opened += tree
    return opened


def close(opened: list[tuple[str, int]]) -> None:
    while opened:
        os.close(opened.pop()[1])


def _open_tree(path: str, *, name: str, into: list[tuple[str, int]]) -> None:
    level = [(name, os.open(path, FLAGS))]
    into += level
    for _ in range(DEPTH_MAX):
        children: list[tuple[str, int]] = []
        for parent, descriptor in level:
            for child in HASHES:
                try:
                    found = os.open(child, FLAGS, dir_fd=descriptor)
                except FileNotFoundError:
                    continue
                children.append((f"{parent}/{child}", found))
                into.append(children[-1])
        level = children
