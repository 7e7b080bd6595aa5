"""The program that runs llama.cpp's server, as a script in a process of its own. It imports nothing of alpi.

It is started as ``python -I child.py`` and speaks with its parent over two pipes:

- stdin: one line of JSON, the fields of ``server.ChildConfig``. The API key comes this way because arguments are visible to
  every user of the machine. Then stdin stays open and silent; its end means that the parent is gone.
- stdout: one line of JSON, ``{"address": "http://127.0.0.1:PORT"}``, or ``{"error": KIND, "message": TEXT}`` with KIND
  ``missing`` (no xllamacpp) or ``load`` (the server did not start).

Everything that llama.cpp prints goes to the log file.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
from typing import Any


def main() -> int:
    """Serve until the parent ends (exit code 0); 1 where the server could not be started."""
    config = json.loads(sys.stdin.buffer.readline())
    watcher = _end_with_parent(config["parent"])
    os.umask(0o077)  # llama.cpp writes prompt states, which hold what the person wrote
    report = os.fdopen(os.dup(1), "w")
    _log_to(config["log"])
    try:
        server = _serve(config)
    except ImportError as error:
        return _tell(report, error="missing", message=str(error))
    except (RuntimeError, ValueError, TypeError, AttributeError, OSError) as error:
        # What the library raises while loading, also where another version of it lacks a setting; the parent words it.
        return _tell(report, error="load", message=f"{type(error).__name__}: {error}")
    _tell(report, address=str(server.listening_address))
    report.close()
    watcher.join()
    return 0


def _tell(report: Any, **fields: str) -> int:
    report.write(json.dumps(fields) + "\n")
    report.flush()
    return 1 if "error" in fields else 0


def _end_with_parent(parent: int) -> threading.Thread:
    """Die when the parent dies, however it dies. Gives the thread that watches the pipe."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash must not put the conversation into a file
    if sys.platform == "linux":
        import ctypes
        import signal

        PR_SET_PDEATHSIG = 1  # linux/prctl.h
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the kernel was told to watch it
            os._exit(0)
    # Elsewhere the pipe tells; also here, for a parent that closes it on purpose.
    watcher = threading.Thread(target=_watch_input, daemon=True)
    watcher.start()
    return watcher


def _watch_input() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)  # the server's own threads would hold up an orderly exit


def _log_to(path: str) -> None:
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


def _serve(config: dict[str, Any]) -> Any:
    # Only the folder that holds the library is added: the working folder, where -I keeps us from looking, may hold anything.
    sys.path.append(config["library"])
    xllamacpp: Any = importlib.import_module("xllamacpp")
    params = xllamacpp.CommonParams()
    params.model.path = config["model"]
    params.n_ctx = config["context"]
    params.n_parallel = 1
    params.fit_params = False  # the context is ours to choose; a shrunk one would fail midway through a conversation
    params.offline = True
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = config["threads"]

    # Prompts are taken in steps of this size; between two of them the server tells its progress and notices that nobody
    # listens any more. 128 tokens take about 3 s on two slow cores.
    params.n_batch = params.n_ubatch = 128
    params.prefill_assistant = False  # a request that ends with an answer is a prefix to be read, not to be written on

    params.hostnames = ["127.0.0.1"]
    params.port = 0  # the kernel chooses a free one
    params.api_keys = [config["key"]]
    # An empty list allows no origin: a page in a browser cannot read an answer, even if it guessed the port.
    params.cors_origins = ""
    params.cors_methods = ""
    params.cors_headers = ""
    params.cors_credentials = False
    params.ui = False
    params.endpoint_slots = True
    params.endpoint_props = False
    params.endpoint_metrics = False

    params.use_jinja = True
    params.chat_template = config["template"]
    params.cache_prompt = True
    params.cache_ram_mib = 512  # prompts of other conversations that may come back; the library's own limit is 8 GB
    params.slot_save_path = config["states"]
    return xllamacpp.Server(params)


if __name__ == "__main__":
    sys.exit(main())
