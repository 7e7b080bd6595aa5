"""MCP servers for setup: looking at them, and keeping what was approved. Implements ``setup.site.ServerDesk``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..base.errors import AlpiError, UsageError

if TYPE_CHECKING:
    from ..base.schema import McpServerConfig
    from ..mcp.pins import Pins
    from ..mcp.reviewing import Looked
    from ..setup.wanted import Wanted
    from .runtime import Runtime


class McpDesk:
    """The servers of a profile as it is now."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def settings(self, wanted: Wanted) -> tuple[dict[str, Any], McpServerConfig]:
        """See ``ServerDesk``."""
        import argparse

        from ..setup.wanted import PROGRAM, STRICT
        from .mcplooking import config_of

        program = wanted.kind == PROGRAM
        secret = wanted.secret and wanted.holder
        given = argparse.Namespace(
            command=wanted.words,
            url="" if program else wanted.url,
            env=[f"{wanted.holder}={wanted.template}"] if secret and program else [],
            header=[f"{wanted.holder}: {wanted.template}"] if secret and not program else [],
            folder=wanted.folder_list,
            sandbox="strict" if program and wanted.network == STRICT else "",
            seconds=None,
        )
        return config_of(self._runtime, given)

    def address_problem(self, text: str) -> str:
        """See ``ServerDesk``."""
        from ..mcp.http import checked_url

        try:
            checked_url(text)
        except UsageError as error:
            return f"{error.message}. {error.hint}"
        return ""

    async def checked(self, config: McpServerConfig) -> str:
        """See ``ServerDesk``."""
        from .mcplooking import packages_checked

        return await packages_checked(self._runtime, config)

    async def look(self, name: str, config: McpServerConfig, keys: Mapping[str, str]) -> Looked:
        """See ``ServerDesk``."""
        from ..mcp.connection import LoginNeeded
        from ..setup.write import PendingSecrets
        from .mcplooking import looked
        from .mcpwiring import login_store
        from .runtime import Runtime

        fresh = Runtime(self._runtime.paths.name, self._runtime.environ)
        fresh.secrets = PendingSecrets(fresh.secrets, keys)
        try:
            return await looked(fresh, name, config)
        except LoginNeeded as error:
            if name in fresh.config.mcp.servers:
                raise AlpiError(error.message, f"Look at it, and log in on the way: alpi mcp approve {name}") from error
            login_store(fresh).forget(name)
            words = f"alpi mcp add {name} --url {config.url}"
            raise AlpiError(f"{name} wants a login, which setup does not begin", f"On a terminal: {words}") from error

    async def examine(self, name: str) -> tuple[bool, str]:
        """See ``ServerDesk``."""
        from .mcplooking import examined

        found = await examined(self._runtime, name)
        return found.good, f"{found.text}. {found.hint}".removesuffix(". ")

    def keep(self, pins: Pins) -> None:
        """See ``ServerDesk``."""
        from .mcptrust import keep

        keep(self._runtime, pins, "setup")

    def forget(self, name: str) -> None:
        """See ``ServerDesk``."""
        from .mcptrust import forget

        forget(self._runtime, name, "setup")
