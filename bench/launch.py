"""The process that starts what is measured: one JSON order a line in, one JSON result a line out. See measure.Launcher."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time


def launch(argv: list[str], environ: dict[str, str], cwd: str) -> dict[str, object]:
    """Run a command with its output thrown away."""
    with tempfile.TemporaryFile() as errors:
        null = os.open(os.devnull, os.O_RDWR)
        os.chdir(cwd)
        files = [
            (os.POSIX_SPAWN_DUP2, null, 0),
            (os.POSIX_SPAWN_DUP2, null, 1),
            (os.POSIX_SPAWN_DUP2, errors.fileno(), 2),
        ]
        begin = time.perf_counter()
        pid = os.posix_spawn(argv[0], argv, environ, file_actions=files)
        _, status, usage = os.wait4(pid, 0)
        seconds = time.perf_counter() - begin
        os.close(null)
        errors.seek(0)
        text = errors.read().decode(errors="replace")[-2000:]
    peak = usage.ru_maxrss // (1024 if sys.platform == "darwin" else 1)
    return {"seconds": seconds, "work": usage.ru_utime + usage.ru_stime, "peak": peak, "status": status, "stderr": text}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(launch(**json.loads(line))), flush=True)
