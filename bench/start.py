"""How long ``alpi --version`` takes, as a multiple of an interpreter that does nothing."""

from __future__ import annotations

from .measure import ALPI, PYTHON, Command, Row, interleaved, profile, ratio_row

AIM = 5.0


def run() -> list[Row]:
    """Also ``alpi --help``, which has to know every command."""
    with profile({}) as (environ, workspace):
        runs = interleaved(
            {
                "floor": Command([PYTHON, "-c", "pass"], environ, workspace),
                "version": Command([ALPI, "--version"], environ, workspace),
                "help": Command([ALPI, "--help"], environ, workspace),
            },
            25,
        )
    return [
        ratio_row("alpi --version to python -c pass", runs["version"], runs["floor"], AIM),
        Row(
            "alpi --help to python -c pass",
            runs["help"].shown(),
            runs["floor"].shown(),
            runs["help"].median / runs["floor"].median,
            unit="x",
        ),
    ]
