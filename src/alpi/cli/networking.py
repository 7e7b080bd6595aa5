"""Builds who judges the addresses that a profile's tools may speak to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.errors import ConfigError

if TYPE_CHECKING:
    from ..safety.network.guard import NetworkGuard
    from .runtime import Runtime


def network_guard(runtime: Runtime) -> NetworkGuard:
    """The judge, with the places opened that ``network.allow`` names.

    Raises:
        ConfigError: an entry of network.allow is no place.
    """
    from ..safety.network.guard import NetworkGuard, parse_opening, system_resolver

    openings = []
    for text in runtime.config.network.allow:
        try:
            openings.append(parse_opening(text))
        except ValueError as error:
            raise ConfigError(
                f"{runtime.paths.config}: network.allow holds {text!r}, which is no place",
                "For example nas.lan, localhost:3000 or 192.168.1.0/24",
            ) from error
    return NetworkGuard(system_resolver, runtime.policy.host_refused, openings)
