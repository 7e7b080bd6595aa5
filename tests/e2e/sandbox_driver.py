"""The judge of the attempts: plays the agent as one user, makes a world for each attempt, and looks at it from outside afterwards.

``sandbox_driver.py BACKEND FOLDER SETUID_PROGRAM`` prints one JSON line per attempt, and per piece of ordinary work. It runs as the user
that is to be tested, so that probing, wrapping and starting are all done with that user's rights. Standard library and alpi only.
"""

from __future__ import annotations

import ctypes
import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sandbox_attempts import ATTEMPTS

from alpi.safety.sandbox import Backend, Launch, Mode, Policy, available, wrap
from alpi.safety.sandbox.seccomp import arch

HERE = Path(__file__).resolve().parent
PYTHON = os.path.realpath(sys.executable)
"""The tests' own environment may lie below /tmp, which the sandbox replaces; the standard library is enough here."""
SECRET = f"canary-{uuid.uuid4().hex}"
VICTIM = f"victim-{uuid.uuid4().hex}"
GREETING = b"greeting-from-outside"


@dataclass(frozen=True)
class Job:
    """A command that ordinary work consists of: what it must say and how it must end."""

    argv: tuple[str, ...]
    says: str = ""
    code: int = 0
    mode: Mode = Mode.WORKSPACE


def sh(script: str, says: str = "", code: int = 0, mode: Mode = Mode.WORKSPACE) -> Job:
    return Job(("sh", "-ec", script), says, code, mode)


def python(script: str, says: str, mode: Mode = Mode.WORKSPACE) -> Job:
    return Job((PYTHON, "-c", script), says, 0, mode)


SERVE_AND_CALL = """
import socket
with socket.create_server(("127.0.0.1", 0)) as server:
    client = socket.create_connection(server.getsockname())
    server.accept()[0].sendall(b"own loopback")
    print(client.recv(100).decode())
"""
WORK = {
    "write_workspace": sh(
        "mkdir -p a/b; echo one > a/b/c; mv a/b/c a/d; ln a/d a/e; ln -s d a/f; cat a/f; rm -r a", "one"
    ),
    "write_scratch": sh('f=$(mktemp); echo two > "$f"; cat "$f"; case "$f" in "$TMPDIR"/*) ;; *) exit 9;; esac', "two"),
    "read_system": sh("head -1 /etc/passwd; ls /usr/bin > /dev/null; cat /proc/meminfo > /dev/null", "root:"),
    "pipeline": sh("seq 3 | sort -r | head -1; cat <<X | tr a-z A-Z\nword\nX\n", "3\nWORD"),
    "process_substitution": Job(("bash", "-c", "cat <(echo substituted)"), "substituted"),
    "make_and_run_program": sh("printf '#!/bin/sh\\necho runs\\n' > run; chmod +x run; ./run", "runs"),
    "background_job": sh("sleep 0.1 & wait; echo waited", "waited"),
    "timeout": sh("timeout 0.2 sleep 5 || echo ended", "ended"),
    "git_status": sh("echo x > new; git status --short", "?? new"),
    "git_commit": sh(
        "echo x > new; git add new; git -c user.name=A -c user.email=a@example.org commit -qm first; git log --oneline",
        "first",
    ),
    "git_branch": sh(
        "git switch -qc topic; git -c user.name=A -c user.email=a@example.org commit -q --allow-empty -m x; git branch",
        "topic",
    ),
    "python_children": python(
        "import subprocess, sys; print(subprocess.run([sys.executable, '-c', 'print(6*7)'], capture_output=True, text=True).stdout)",
        "42",
    ),
    "python_threads": python(
        "import concurrent.futures as f; print(sum(f.ThreadPoolExecutor(4).map(int, '123')))", "6"
    ),
    "python_asyncio": python("import asyncio; print(asyncio.run(asyncio.sleep(0.01, 'slept')))", "slept"),
    "python_temporary": python(
        "import tempfile; f = tempfile.NamedTemporaryFile(); f.write(b'x'); print('kept')", "kept"
    ),
    "compile": sh(
        "printf 'int main(void){return 0;}' > a.c; if command -v cc > /dev/null; then cc a.c -o a; ./a; fi; echo compiled",
        "compiled",
    ),
    "reach_loopback": python(
        "import socket; print(socket.create_connection(('127.0.0.1', TCP)).recv(100).decode())", GREETING.decode()
    ),
    "look_up_name": python("import socket; print(socket.getaddrinfo('localhost', 80)[0][4][0])", ""),
    "broken_pipe": Job(("bash", "-c", "yes | head -1 > /dev/null; echo ${PIPESTATUS[0]}"), "141"),
    "exit_status": sh("exit 7", code=7),
    "killed_by_signal": Job(("sh", "-c", "kill -KILL $$"), code=137),
    "unknown_program": Job(("alpi-no-such-program",), code=127),
    "environment": Job(("env",), "LANG=C.UTF-8"),
    "strict_write": sh("echo one > a; cat a", "one", mode=Mode.STRICT),
    "strict_loopback": python(SERVE_AND_CALL, "own loopback", Mode.STRICT),
    "own_tmp": sh("f=/tmp/own-$$; echo three > $f; cat $f; rm $f", "three"),
    "own_shared_memory": python("import multiprocessing as m; print(type(m.Lock()).__name__)", "Lock"),
    "unix_socket": python("import socket; s = socket.socket(socket.AF_UNIX); s.bind('s'); print('bound')", "bound"),
    "own_proc": sh("cat /proc/self/status > /dev/null; echo read", "read"),
    "git_config": sh("git config user.name A; git config user.name", "A"),
    "list_root": sh("ls / > /dev/null; echo listed", "listed"),
    "pseudo_terminal": python("import pty; print(len(pty.openpty()))", "2"),
}


class World:
    """Folders, files, sockets and processes outside of the sandbox, fresh for each run."""

    def __init__(self, folder: Path, setuid_program: str) -> None:
        self.root = folder / uuid.uuid4().hex[:8]
        self.setuid_program = setuid_program
        self.home, self.outside, self.work = self.root / "home", self.root / "outside", self.root / "work"
        self.profile = self.home / ".alpi"
        self.scratch = self.profile / "run" / "scratch"
        self.key = self.profile / "secret.key"
        self.token = f"alpi-{uuid.uuid4().hex[:12]}"
        self.open = ExitStack()

    def __enter__(self) -> World:
        for path in (self.outside, self.work, self.profile):
            path.mkdir(parents=True)
        self.scratch.mkdir(mode=0o700, parents=True)
        self.scratch.chmod(0o700)
        self.key.write_text(SECRET)
        (self.outside / "notes.txt").write_text("notes")
        os.link(self.key, self.outside / "second-name")
        os.mkfifo(self.outside / "pipe")
        self.pipe = os.open(self.outside / "pipe", os.O_RDONLY | os.O_NONBLOCK)
        self.open.callback(os.close, self.pipe)
        (self.work / ".bashrc").write_text("# mine\n")
        for repository in (self.work, self.work / "nested"):
            make_repository(repository)
        shutil.rmtree(self.work / "nested/.git/hooks")
        self.key_fd = os.open(self.key, os.O_RDONLY)
        self.open.callback(os.close, self.key_fd)
        self.victim = subprocess.Popen([PYTHON, "-c", "import time; time.sleep(600)", VICTIM], start_new_session=True)
        self.open.callback(self._end_victim)
        self.secret_buffer = ctypes.create_string_buffer(SECRET.encode())
        self._listen()
        os.chdir(self.profile)
        self.git_before = self._git()
        return self

    def __exit__(self, *_: object) -> None:
        os.chdir("/")
        self.open.close()
        for shared in (Path("/dev/shm", self.token), Path("/tmp", self.token)):
            shared.unlink(missing_ok=True)
        shutil.rmtree(self.root)

    def _end_victim(self) -> None:
        self.victim.kill()
        self.victim.wait()

    def _listen(self) -> None:
        def stream(family: int, address: Any) -> socket.socket:
            s = self.open.enter_context(socket.socket(family, socket.SOCK_STREAM))
            s.bind(address)
            s.listen()
            threading.Thread(target=greet, args=(s,), daemon=True).start()
            return s

        def greet(s: socket.socket) -> None:
            while True:
                try:
                    connection, _ = s.accept()
                    with connection:
                        connection.sendall(GREETING)
                except OSError:
                    return

        def answer(s: socket.socket) -> None:
            while True:
                try:
                    _, who = s.recvfrom(100)
                    s.sendto(GREETING, who)
                except OSError:
                    return

        self.tcp = stream(socket.AF_INET, ("127.0.0.1", 0)).getsockname()[1]
        stream(socket.AF_UNIX, str(self.profile / "s"))
        stream(socket.AF_UNIX, str(self.outside / "s"))
        stream(socket.AF_UNIX, "\0" + self.token)
        udp = self.open.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        self.udp = udp.getsockname()[1]
        threading.Thread(target=answer, args=(udp,), daemon=True).start()
        datagram = self.open.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        datagram.bind(str(self.outside / "d"))

    def write_description(self) -> Path:
        cpu = arch(os.uname().machine)
        assert cpu is not None
        path = self.work / "world.json"
        path.write_text(
            json.dumps(
                {
                    "key": str(self.key),
                    "work": str(self.work),
                    "outside": str(self.outside),
                    "agent": os.getpid(),
                    "victim": self.victim.pid,
                    "victim_says": VICTIM,
                    "key_fd": self.key_fd,
                    "secret_address": ctypes.addressof(self.secret_buffer),
                    "secret_length": len(SECRET),
                    "second_name": str(self.outside / "second-name"),
                    "token": self.token,
                    "tcp": self.tcp,
                    "udp": self.udp,
                    "hidden_socket": str(self.profile / "s"),
                    "visible_socket": str(self.outside / "s"),
                    "datagram_socket": str(self.outside / "d"),
                    "setuid_program": self.setuid_program,
                    "numbers": dict(cpu.numbers),
                }
            )
        )
        return path

    def policy(self, mode: Mode) -> Policy:
        return Policy(
            mode, self.work, self.scratch, hidden=(self.profile, self.home / ".ssh"), protected=(self.work / ".bashrc",)
        )

    def _git(self) -> dict[str, Any]:
        found = {}
        for git in (self.work / ".git", self.work / "nested/.git"):
            for path in sorted([git / "config", git / "commondir", *git.glob("hooks/*")]):
                found[str(path)] = path.read_bytes() if path.is_file() else None
        return found

    def harm_outside(self) -> bool:
        return sorted(p.name for p in self.outside.iterdir()) != ["d", "notes.txt", "pipe", "s", "second-name"]

    def harm(self) -> list[str]:
        """What is no longer as it was, seen from outside."""
        found = [str(shared) for shared in (Path("/dev/shm", self.token), Path("/tmp", self.token)) if shared.exists()]
        if self.harm_outside():
            found.append(f"outside holds {sorted(p.name for p in self.outside.iterdir())}")
        notes = self.outside / "notes.txt"
        if notes.exists() and (
            notes.read_text() != "notes" or notes.stat().st_mode & 0o777 != 0o644 or notes.stat().st_uid != os.getuid()
        ):
            found.append("notes.txt was changed")
        if not self.key.exists() or (self.profile / "planted").exists():
            found.append("the profile was changed")
        if self.victim.poll() is not None:
            found.append("a process was killed")
        if (self.work / "survived").exists():
            found.append("a process lived on")
        if (self.work / ".bashrc").read_text() != "# mine\n":
            found.append("a protected file was changed")
        if self._git() != self.git_before:
            found.append("git's own files were changed")
        return found


def make_repository(folder: Path) -> None:
    """What ``git init`` makes, without starting it two hundred times."""
    git = folder / ".git"
    for name in ("hooks", "objects/info", "objects/pack", "refs/heads", "refs/tags", "info"):
        (git / name).mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "config").write_text("[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n")
    (git / "hooks/pre-push.sample").write_text("#!/bin/sh\n")


def environment(world: World, name: str) -> dict[str, str]:
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(world.home), "LANG": "C.UTF-8"}
    if name == "load_into_helper":
        env |= {"LD_DEBUG": "files", "LD_DEBUG_OUTPUT": str(world.outside / "loader")}
    return env


@contextmanager
def terminal() -> Iterator[int]:
    main, side = pty.openpty()
    try:
        yield side
    finally:
        os.close(main)
        os.close(side)


def run(launch: Launch, world: World) -> tuple[int, str, str]:
    """Start it with a terminal as its input and wait for the process; waiting for the end of its output would hide who lives on."""
    if not shutil.which(launch.argv[0], path=launch.env["PATH"]):
        return 127, "", "not found"
    with terminal() as tty, (world.root / "out").open("wb") as out, (world.root / "err").open("wb") as err:
        started = subprocess.Popen(
            launch.argv,
            env=launch.env,
            cwd=launch.cwd,
            pass_fds=launch.pass_fds,
            stdin=tty,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        try:
            code = started.wait(20)
        except subprocess.TimeoutExpired:
            started.send_signal(signal.SIGTERM)
            code = started.wait(5)
    code = code if code >= 0 else 128 - code
    return code, (world.root / "out").read_text(errors="replace"), (world.root / "err").read_text(errors="replace")


def judge(name: str, mode: Mode, backend: Backend, folder: Path, setuid_program: str) -> dict[str, Any]:
    with World(folder, setuid_program) as world:
        description = world.write_description()
        command = [PYTHON, "-I", str(HERE / "sandbox_attempts.py"), "attempt", name, str(description)]
        with wrap(command, environment(world, name), world.work, world.policy(mode), backend) as launch:
            code, out, err = run(launch, world)
        if name == "leave_process_behind":
            time.sleep(1.3)
        harm = world.harm()
        broken = [str(path) for path in launch.seal.broken()]
        lost = launch.seal.restore()
        if SECRET in out + err:
            harm.append("the secret was read")
        if os.read(world.pipe, 100) and name != "write_named_pipe":
            harm.append("the pipe was written to")
        return {
            "ran": code == 0 or "held: " in err,
            "attempt": name,
            "mode": mode,
            "escaped": code == 0 or bool(harm),
            "harm": harm,
            "code": code,
            "said": f"{out[:200]}{err[-300:]}".replace(SECRET, "SECRET"),
            "sealed": broken,
            "restored": not lost and world._git() == world.git_before,
        }


def work(name: str, job: Job, backend: Backend, folder: Path) -> dict[str, Any]:
    """Run one piece of ordinary work and tell whether it did what it does without a sandbox."""
    with World(folder, "") as world:
        words = [word.replace("TCP", str(world.tcp)) for word in job.argv]
        with wrap(words, environment(world, name), world.work, world.policy(job.mode), backend) as launch:
            code, out, err = run(launch, world)
        return {
            "work": name,
            "ok": code == job.code and job.says in out and (name == "git_config" or not world.harm()),
            "code": code,
            "said": out[-300:] + err[-300:],
            "mode": job.mode,
        }


def stop(backend: Backend, folder: Path) -> dict[str, Any]:
    """SIGTERM ends the command with everything that it has started, also what has left its session."""
    with World(folder, "") as world:
        script = "(setsid sh -c 'sleep 1.5; echo late > survived' &) ; sleep 1000"
        with wrap(
            ["sh", "-c", script], environment(world, ""), world.work, world.policy(Mode.WORKSPACE), backend
        ) as launch:
            started = subprocess.Popen(
                launch.argv, env=launch.env, cwd=launch.cwd, pass_fds=launch.pass_fds, start_new_session=True
            )
        time.sleep(0.5)
        at = time.monotonic()
        started.terminate()
        started.wait(5)
        took = time.monotonic() - at
        time.sleep(1.5)
        return {"work": "stop", "ok": took < 1 and not world.harm(), "said": f"{took:.3f} s {world.harm()}"}


def lose_parent(backend: Backend, folder: Path) -> dict[str, Any]:
    """The agent is killed: what it started does not live on."""
    with World(folder, "") as world:
        child = os.fork()
        if child == 0:
            script = "(setsid sh -c 'sleep 1.5; echo late > survived' &) ; sleep 1000"
            launch = wrap(
                ["sh", "-c", script], environment(world, ""), world.work, world.policy(Mode.WORKSPACE), backend
            )
            subprocess.Popen(
                launch.argv, env=launch.env, cwd=launch.cwd, pass_fds=launch.pass_fds, start_new_session=True
            )
            time.sleep(0.5)
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(child, 0)
        time.sleep(2)
        return {"work": "lose_parent", "ok": not world.harm(), "said": str(world.harm())}


def swap_folder(backend: Backend, folder: Path) -> dict[str, Any]:
    """A folder of the workspace becomes a link to the outside between wrapping and starting: nothing outside becomes writable."""
    with World(folder, "") as world:
        elsewhere = world.root / "elsewhere"
        make_repository(world.root / "other")
        (world.root / "other/.git").rename(elsewhere)
        (elsewhere / "key").write_text("not to be seen")
        before = sorted(str(p) for p in elsewhere.rglob("*"))
        (world.work / "safe").mkdir()
        (world.work / "safe/key").write_text("hidden in the workspace")
        policy = Policy(
            Mode.WORKSPACE,
            world.work,
            world.scratch,
            hidden=(world.profile, world.work / "safe/key", elsewhere / "key"),
        )
        script = f"echo x > {elsewhere}/planted; echo x > {elsewhere}/HEAD; cat {elsewhere}/key; echo ran"
        with wrap(["sh", "-c", script], environment(world, ""), world.work, policy, backend) as launch:
            for name in (".git", "safe"):
                (world.work / name).rename(world.work / f"real-{name}")
                (world.work / name).symlink_to("../elsewhere")
            code, out, err = run(launch, world)
        # Bubblewrap mounts what it finds there, so the command must not be started; Landlock grants nothing through a link.
        held = (code == 125 and "changed while" in err) if backend.name == "bubblewrap" else "ran" in out
        unchanged = sorted(str(p) for p in elsewhere.rglob("*")) == before and (elsewhere / "HEAD").read_text() != "x\n"
        # Putting back must not follow the link either.
        (elsewhere / "config").write_text("not ours")
        launch.seal.restore()
        kept = (elsewhere / "config").read_text() == "not ours" and sorted(
            str(p) for p in elsewhere.rglob("*")
        ) == before
        ok = held and unchanged and kept and "not to be seen" not in out
        return {"work": "swap_folder", "ok": ok, "said": f"{code} {out} {err} unchanged={unchanged} kept={kept}"}


def main() -> None:
    backend_name, folder, setuid_program = sys.argv[1:]
    os.environ["ALPI_CANARY"] = SECRET
    off = Backend("off", True)
    backend = next(b for b in available() if b.name == backend_name) if backend_name != "off" else off

    def tell(what: dict[str, Any]) -> None:
        print(json.dumps(what), flush=True)

    tell(
        {
            "backend": backend.name,
            "usable": backend.usable,
            "reason": backend.reason,
            "limits": [x.code for x in backend.limits],
        }
    )
    only = os.environ.get("ALPI_ONLY", "").split(",")
    for name, attempt in ATTEMPTS.items():
        if only == [""] or name in only:
            tell(judge(name, Mode.OFF if backend is off else Mode(attempt.mode), backend, Path(folder), setuid_program))
    for name, job in WORK.items():
        if only == [""] or name in only:
            tell(work(name, job if backend is not off else replace(job, mode=Mode.OFF), backend, Path(folder)))
    if backend is not off and only == [""]:
        for special in (stop, lose_parent, swap_folder):
            tell(special(backend, Path(folder)))


if __name__ == "__main__":
    main()
