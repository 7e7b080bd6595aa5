"""The risk classifier: judges a shell command without running it. See `judge.assess`."""

from .display import escape
from .files import RealFiles
from .judge import assess
from .scene import Access, Assessment, FileView, Guard, Part, Protection, Scene
from .scope import Scope

__all__ = [
    "Access",
    "Assessment",
    "FileView",
    "Guard",
    "Part",
    "Protection",
    "RealFiles",
    "Scene",
    "Scope",
    "assess",
    "escape",
]
