"""``python -m alpi``."""

from .cli.main import run

run()
