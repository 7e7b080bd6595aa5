"""What a server may send, bounded: the messages that the SDK gets to see, and how many. For both transports."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp.shared.message import SessionMessage

LARGEST_MESSAGE = 16 << 20
"""Bytes. Larger files are read by other means than one answer."""
WANTED = frozenset(
    {"notifications/tools/list_changed", "notifications/progress", "notifications/cancelled"}
    | {"notifications/subscriptions/acknowledged"}
)
MOST_A_SECOND = 50


class Traffic:
    """Looks at each message of one connection before the SDK does.

    Args:
        now: a clock in seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._second = 0.0
        self._count = 0
        self.changed = False
        """The server has said that its tools are others now."""

    def admit(self, message: SessionMessage) -> bool:
        """Whether the SDK should see it. Log lines and what else nobody reads are dropped, as is more than anybody could read."""
        inner: Any = message.message
        if getattr(inner, "result", None) is not None:
            _without_output_schemas(inner.result)
            return True
        method = getattr(inner, "method", None)
        if method is None:
            return True  # an error that answers a request
        if getattr(inner, "id", None) is None and method not in WANTED:
            return False
        if not self._within_bounds():
            return False
        self.changed = self.changed or method == "notifications/tools/list_changed"
        return True

    def _within_bounds(self) -> bool:
        now = self._now()
        if now - self._second >= 1:
            self._second, self._count = now, 0
        self._count += 1
        return self._count <= MOST_A_SECOND


def _without_output_schemas(result: Any) -> None:
    """The SDK would check results against them, with patterns of the server's choice, which may take for ever. No model sees them."""
    tools = result.get("tools") if isinstance(result, dict) else None
    for tool in tools if isinstance(tools, list) else ():
        if isinstance(tool, dict):
            tool.pop("outputSchema", None)
