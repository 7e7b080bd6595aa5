"""What goes wrong with servers, in alpi's own words."""

from __future__ import annotations

from ..base.errors import AlpiError
from ..base.text import escaped, one_line
from .logins import Challenge


class ServerError(AlpiError):
    """A server could not be reached, or did not answer. The message is alpi's own words; ``said`` is what the server has said, if
    anything: text of others."""

    def __init__(self, message: str, hint: str = "", said: str = "") -> None:
        super().__init__(message, hint)
        self.said = said

    @property
    def whole(self) -> str:
        """For a person: with what the server has said, made safe to show."""
        return f"{self.message}: {one_line(escaped(self.said), 300)}" if self.said else self.message


class LoginNeeded(ServerError):
    """A server wants a login, which only a person can begin. ``challenge`` is what it said."""

    def __init__(self, message: str, challenge: Challenge) -> None:
        super().__init__(message)
        self.challenge = challenge


def quiet() -> None:
    """What the SDK logs goes nowhere: it holds a server's words, unredacted, and would land on the terminal."""
    import logging

    for name in ("mcp", "client", "httpx2", "httpcore2"):
        logger = logging.getLogger(name)
        logger.propagate = False
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
