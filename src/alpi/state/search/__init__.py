"""Finding what was said: a search over all sessions of a profile, with a small index that can be made again at any time."""

from .index import Hit, SessionIndex, Window
from .turns import Turn
from .when import period

__all__ = ["Hit", "SessionIndex", "Turn", "Window", "period"]
