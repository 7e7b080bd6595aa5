"""The parent's side of llama.cpp's child process: start it, know whether it lives, end it, say why it died."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...base.errors import NotConfigured, ProviderError
from ...base.files import private_dir

INSTALL_HINT = 'Install it with: pip install "alpi[local]"'
_GOMP_HINT = "It needs GNU OpenMP: install libgomp1 (Debian, Ubuntu) or libgomp (Fedora, Arch: gcc-libs)"
_CHILD = Path(__file__).with_name("child.py")

_START_SECONDS = 300.0  # a cold read of several GB from a slow disk
_WORKING_MEMORY = 768 << 20
"""Bytes besides the weights: 8192 tokens of context (230 MB), llama.cpp's buffers, and the interpreter; measured 600 MB."""

# Nothing else is handed on: the environment of the program may hold keys. The last ones steer a GPU build of the library.
_ENVIRONMENT = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
)


@dataclass(frozen=True, slots=True)
class ChildConfig:
    """What the child is told over its stdin. ``library`` is the folder that holds xllamacpp, ``context`` tokens, ``parent`` our
    process id; ``template`` is a Jinja chat template, ``""`` for the model's own."""

    library: str
    model: str
    template: str
    context: int
    threads: int
    states: str
    log: str
    key: str
    parent: int


class Server:
    """One llama.cpp server. ``address`` is ``http://127.0.0.1:PORT`` once ``start`` has returned.

    ``key`` is the secret that each request must carry; it is new for every process and reaches it through a pipe.

    Args:
        model: a GGUF file.
        cache: alpi's cache folder; states and logs go there.
        template: a Jinja chat template; ``""`` for the model's own.
        context: tokens.
        threads: 0 for one on each core.
        program: the child's script; tests have one that needs no model. ``None``: ``child.py``, with xllamacpp.
    """

    def __init__(
        self,
        model: Path,
        cache: Path,
        template: str = "",
        context: int = 8192,
        threads: int = 0,
        program: Path | None = None,
    ) -> None:
        self.model = model
        self.states = cache / "prefix"
        self.log = cache / "logs" / f"local-{os.getpid()}.log"
        self.address = ""
        self.key = ""
        self._template = template
        self._context = context
        self._threads = threads or usable_cores()
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None

    def alive(self) -> bool:
        """Whether it runs and has told its address."""
        return bool(self.address) and self._process is not None and self._process.poll() is None

    async def start(self) -> None:
        """Start the process and wait until the model is loaded (1 to 6 s for 1 GB; longer from a cold disk).

        Raises:
            NotConfigured: xllamacpp is not installed.
            ProviderError: not enough memory, or it did not come up.
        """
        import secrets

        self.stop()
        library = find_library() if self._program is None else Path()
        _check_memory(self.model)
        private_dir(self.states)
        private_dir(self.log.parent)
        self._remove_old_logs()
        self.key = secrets.token_urlsafe(32)
        config = ChildConfig(
            library=str(library),
            model=str(self.model),
            template=self._template,
            context=self._context,
            threads=self._threads,
            states=f"{self.states}/",  # llama.cpp puts the file's name right behind it
            log=str(self.log),
            key=self.key,
            parent=os.getpid(),
        )
        # On the event loop's own thread: Linux ends a child that asked for it when the *thread* that started it ends.
        process = self._process = _spawn(self._program or _CHILD)
        try:
            report = await asyncio.wait_for(asyncio.to_thread(_exchange, process, asdict(config)), _START_SECONDS)
        except TimeoutError:
            self.stop()
            raise ProviderError(
                f"the local model was not loaded within {_START_SECONDS:.0f} s",
                f"See {self.log}; is the disk very slow?",
            ) from None
        except BaseException:  # also Ctrl-C: no server is left behind
            self.stop()  # also frees the thread that waits for the report
            raise
        if "address" not in report:
            raise self._not_started(report)
        self.address = report["address"]

    def stop(self) -> None:
        """End the process. It keeps nothing that an orderly end would save. Does nothing when none runs."""
        process, self._process, self.address = self._process, None, ""
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                try:
                    pipe.close()
                except OSError:
                    pass  # what was still to be written has no reader any more

    def why_dead(self) -> tuple[str, str]:
        """(what happened, what to do) of a process that ended by itself."""
        code = self._process.poll() if self._process else None
        return self._words(code)

    def _not_started(self, report: dict[str, Any]) -> NotConfigured | ProviderError:
        """The error for a child that could not load the model."""
        kind, message = report.get("error", ""), report.get("message", "")
        code = self._process.wait() if self._process else None
        self.stop()
        if kind == "missing":
            hint = _GOMP_HINT if "libgomp" in message else INSTALL_HINT
            return NotConfigured(f"the local model's library xllamacpp cannot be loaded: {message}", hint)
        if kind == "load":
            what = f"the local model could not be loaded from {self.model}: {message}"
            return ProviderError(what, f"The log says more: {self.log}")
        return ProviderError(*self._words(code, "while it was loading"))

    def _words(self, code: int | None, when: str = "") -> tuple[str, str]:
        what = f"the local model's process ended {when}".rstrip()
        see = f"The log: {self.log}"
        if code == -signal.SIGILL:
            return (
                f"{what}: this processor lacks instructions that xllamacpp was built with (AVX2 on Intel and AMD)",
                "The local model cannot run on this machine; choose another with: alpi models",
            )
        if code == -signal.SIGKILL:
            return (
                f"{what}: it was killed, most likely because memory ran out",
                f"Close other programs and try again. {see}",
            )
        if code is not None and code < 0:
            return f"{what}: {signal.strsignal(-code) or f'signal {-code}'}", f"Try again. {see}"
        return f"{what} (exit code {code})", f"Try again. {see}"

    def _remove_old_logs(self) -> None:
        """Logs of programs that are gone; each program has its own file, so that two do not write into one."""
        for path in self.log.parent.glob("local-*.log"):
            number = path.stem.removeprefix("local-")
            if number.isdecimal() and int(number) != os.getpid() and not _runs(int(number)):
                path.unlink(missing_ok=True)


def find_library() -> Path:
    """The folder in which xllamacpp is installed. Does not import it.

    Raises:
        NotConfigured: it is not installed.
    """
    from importlib.util import find_spec

    spec = find_spec("xllamacpp")
    if spec is None or not spec.origin:
        raise NotConfigured("the local model needs the library xllamacpp, which is not installed", INSTALL_HINT)
    return Path(spec.origin).absolute().parent.parent


def library_version() -> str:
    """xllamacpp's version; states that another version wrote are not used."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("xllamacpp")
    except PackageNotFoundError:
        return "unknown"


def usable_cores() -> int:
    """How many cores this process may use."""
    if sys.platform == "linux":
        return max(1, len(os.sched_getaffinity(0)))
    return max(1, os.cpu_count() or 1)


def free_memory(meminfo: str) -> int | None:
    """Bytes that programs can have without swapping, from the text of Linux's ``/proc/meminfo``; ``None`` if not told."""
    for line in meminfo.splitlines():
        name, _, rest = line.partition(":")
        if name == "MemAvailable" and rest.split()[:1] and rest.split()[0].isdecimal():
            return int(rest.split()[0]) * 1024
    return None


def _check_memory(model: Path) -> None:
    if sys.platform != "linux":
        return
    try:
        free = free_memory(Path("/proc/meminfo").read_text())
        needed = model.stat().st_size + _WORKING_MEMORY
    except OSError:
        return  # it cannot be told; llama.cpp finds out
    if free is not None and free < needed:
        raise ProviderError(
            f"there is not enough free memory for the local model: it needs {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free",
            "Close other programs, or choose another model with: alpi models",
        )


def _spawn(program: Path) -> subprocess.Popen[bytes]:
    environ = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    # By default the threads of llama.cpp (OpenMP) spin while they wait for each other. Where another program wants the
    # cores, one spins while the other cannot run: 0.3 to 1.5 tokens/s on two busy cores, against 5 to 10 with this.
    environ["OMP_WAIT_POLICY"] = "PASSIVE"
    return subprocess.Popen(
        [sys.executable, "-I", str(program)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environ,
        cwd="/",
        start_new_session=True,  # Ctrl-C is for the program, not for its model
    )


def _exchange(process: subprocess.Popen[bytes], config: dict[str, Any]) -> dict[str, Any]:
    """Tell the child its configuration and read its report; ``{}`` where it died without one. Blocks."""
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(json.dumps(config).encode() + b"\n")
        process.stdin.flush()
        line = process.stdout.readline()
    except (OSError, ValueError):
        return {}  # dead, or stopped by us meanwhile
    try:
        report = json.loads(line)
    except ValueError:
        return {}
    return report if isinstance(report, dict) else {}


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's
    return True
