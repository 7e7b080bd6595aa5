"""Where the grammar and the shell read a text differently. What is found here makes a command unsafe to vouch for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .quoting import holds_substitution

if TYPE_CHECKING:
    from tree_sitter import Node

SUBSTITUTIONS = frozenset({"command_substitution", "process_substitution"})


def evaluated_later(text: str) -> bool:
    """Whether a test or arithmetic holds a quoted subscript with a substitution: ``[[ 'a[$(x)]' -eq 1 ]]`` runs x."""
    return ("'" in text or '"' in text) and ("$(" in text or "`" in text) and "[" in text.lstrip("[ ")


def unseen(nodes: list[Node], source: bytes, *, document: bool = False) -> bool:
    """Whether a text holds a substitution for which the grammar gave no node, as in ``"${x:-`y`}"``.

    ``document``: quotes mean nothing in this text (here-documents, arithmetic).
    """
    start, end = nodes[0].start_byte, nodes[-1].end_byte
    text = source[start:end]
    if b"`" not in text and b"$(" not in text:
        return False
    rest, at = b"", start
    for first, last in _substitutions(nodes):
        rest += source[at:first] + b" "
        at = last
    rest += source[at:end]
    return holds_substitution(rest.decode("utf-8", "replace"), document=document)


def false_comment(root: Node, source: bytes) -> bool:
    """Whether the grammar takes something for a comment that the shell does not: ``\\ #$(x)`` is one word and runs x."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        waiting += node.children
        if node.type == "comment" and node.start_byte:
            before = source[: node.start_byte]
            blank = before[-1:] in (b" ", b"\t", b"\n", b";", b"|", b"&", b"(", b")")
            slashes = len(before[:-1]) - len(before[:-1].rstrip(b"\\"))
            if not blank or slashes % 2:
                return True
    return False


def _substitutions(nodes: list[Node]) -> list[tuple[int, int]]:
    """Where the outermost substitutions and arithmetic expansions stand, in order."""
    found: list[tuple[int, int]] = []
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if node.type in SUBSTITUTIONS:
            found.append((node.start_byte, node.end_byte))
        else:
            waiting += node.children
    return sorted(found)


def ends_earlier(substitution: bytes) -> bool:
    """Whether the shell ends a backtick substitution before the grammar does: at the next backtick, quotes or not."""
    inner = substitution.lstrip(b"$")
    if not inner.startswith(b"`"):
        return False
    at = 1
    while at < len(inner) - 1:
        if inner[at : at + 1] == b"`":
            return True
        at += 2 if inner[at : at + 1] == b"\\" else 1
    return False
