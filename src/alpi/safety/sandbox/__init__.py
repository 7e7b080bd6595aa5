"""The OS sandbox around the terminal tool and skill scripts: the wall behind the gate.

``available`` finds out what works on this machine, ``choose`` picks the first that gives a mode, ``wrap`` turns a command into what is
to be started. Nothing here starts a command itself.

    policy    modes, capabilities, limits, and what a caller passes and gets
    layout    which path gets which access (with gitfiles, sockets)
    bubblewrap, landlock, seatbelt    the layout in each backend's terms; seccomp the system call filter
    confine   the helper process, a program of its own; it imports nothing from here
    seal      what cannot be guarded while a command runs, checked and put back after it
"""

from .policy import Backend, Capability, Launch, Limit, Mode, Policy, SandboxPolicyError, SandboxUnavailable, choose
from .probing import System, available
from .seal import Seal, seal
from .wrapping import wrap

__all__ = [
    "Backend",
    "Capability",
    "Launch",
    "Limit",
    "Mode",
    "Policy",
    "SandboxPolicyError",
    "SandboxUnavailable",
    "Seal",
    "System",
    "available",
    "choose",
    "seal",
    "wrap",
]
