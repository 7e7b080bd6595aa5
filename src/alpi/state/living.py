"""Whether a process that wrote something down is still the one that runs under its number."""

from __future__ import annotations

import os
from pathlib import Path


def birth(pid: int) -> str:
    """When a process was started, in the kernel's own count, or ``""`` where the system does not say (only Linux does, in ``/proc``)."""
    try:
        data = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return ""
    # The program's name stands in brackets and may hold anything; starttime is field 22 (proc_pid_stat(5)), the third after it is 3.
    fields = data.rpartition(b")")[2].split()
    return fields[19].decode("ascii", "replace") if len(fields) > 19 else ""


def is_living(pid: int, born: str) -> bool:
    """Whether the process of that number and birth still runs. Where the birth is not known, the number alone must do."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it is somebody else's, and it is there
    except OverflowError:
        return False
    return not born or birth(pid) in (born, "")
