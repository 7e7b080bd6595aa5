"""Runs a server that no sandbox stands around, and ends it when alpi has gone. A program of its own; it imports nothing from here.

    python keeper.py PARENT COMMAND...

Without it, a server that does not notice the end of its input would outlive an alpi that was killed.
"""

from __future__ import annotations

import os
import select
import signal
import sys


def main(parent: int, command: list[str]) -> int:
    """Start the command in this process group; wait for its end or the parent's."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    try:
        child = os.posix_spawnp(command[0], command, os.environ, setsigdef=[signal.SIGCHLD])
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return 127
    os.close(0)
    os.close(1)
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) & 0xFF
        if os.getppid() != parent:
            os.killpg(0, signal.SIGKILL)
        if select.select([reading], [], [], 0.5)[0]:
            os.read(reading, 4096)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
