"""Signals, services and schedules: the agent's own daemon is out of bounds."""

from __future__ import annotations

import re
import warnings

from ..bench import Bench
from ..expand import Field
from ..options import Options
from ..ruling import Call, Ruling
from ..tables import Entry

_OWN_NAME = re.compile(r"(?:^|[^a-z])alpi(?:[^a-z]|$)|^\W*a?lpi?\W*$", re.IGNORECASE)
_LOOKING = frozenset(
    {
        "status", "is-active", "is-enabled", "is-failed", "list-units", "list-unit-files", "list-timers", "show",
        "cat", "list", "print", "help", "blame", "get-default", "list-dependencies", "list-sockets", "list-jobs",
    }
)  # fmt: skip


def judge_kill(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """``kill``, ``pkill``, ``killall``: not everything at once, and not the agent."""
    if options.has_exactly("-l", "-L", "--list", "--table"):
        return
    ruling.caution("ends processes")
    if any(_OWN_NAME.search(step.text) for step in call.step.upstream):
        ruling.danger("ends the agent's own daemon")
    words = [flag.value for flag in options.flags if flag.value is not None] + list(options.operands)
    numbers = {flag.value.text for flag in options.flags if flag.name == "-#" and flag.value is not None}
    for item in words:
        for step in item.inner:
            if (
                _OWN_NAME.search(step.text)
                or str(judge.scene.alpi_root) in step.text
                or (".pid" in step.text and "alpi" in step.text)
            ):
                ruling.danger("ends the agent's own daemon")
        text = item.text.lstrip("-")
        if text.isdigit() and int(text) in judge.scene.daemon_pids:
            ruling.danger("ends the agent's own daemon")
        if entry.name != "kill" and _matches_own(item, full=options.has("-f", "--full")):
            ruling.danger("would end the agent's own daemon")
        if not item.known:
            ruling.scope.possible = False
    signals = [text for text in numbers if text[1:].isdigit()]
    targets = [item.text for item in options.operands]
    if entry.name == "kill" and (
        "-1" in targets
        or ("-1" in signals and (len(signals) > 1 or (options.flags[-1].value is not None and len(numbers) > 1)))
    ):
        ruling.danger("ends every process of this person")
    if entry.name == "kill" and "-1" in signals and not targets and len(options.flags) > 1:
        ruling.danger("ends every process of this person")
    if options.has("-u", "-U", "--uid", "--euid") and entry.name != "kill" and not options.operands:
        ruling.danger("ends every process of a person")
    ruling.scope.possible = False


def _matches_own(item: Field, *, full: bool) -> bool:
    """Whether a name or pattern would match the agent's process."""
    text = item.text
    if _OWN_NAME.search(text):
        return True
    try:
        with warnings.catch_warnings(action="ignore"):
            pattern = re.compile(text, re.IGNORECASE)
    except re.error:
        return True
    if len(text) > 60 or re.search(r"[*+{].*[*+{]", text):
        return "alpi" in text.lower() or bool(re.fullmatch(r"[.*^$+]*", text))
    return any(pattern.search(name) for name in ("alpi", "python -m alpi", "alpi daemon")) and not re.fullmatch(
        r"python[\d.]*", text
    )


def judge_service(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """``systemctl``, ``service``, ``launchctl``: looking is safe, changing is asked about, the agent's service is refused."""
    words = [item.text for item in options.operands]
    if not words:
        if options.has("--version", "--failed", "--state", "-t", "--type") or not options.flags:
            return
        ruling.caution("changes services")
        return
    if entry.name == "service" and len(words) > 1 and words[-1] == "status":
        return
    if words[0] in _LOOKING and entry.name != "service":
        return
    if any("alpi" in word.lower() for word in words):
        ruling.danger("changes the agent's own service")
    if entry.name == "launchctl":
        ruling.danger("changes what starts by itself")
    ruling.caution("starts, stops or changes services")
    if any("\0" in word or "*" in word for word in words):
        ruling.danger("changes services that are only known when it runs, the agent's own perhaps among them")


def judge_crontab(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """``crontab -l`` shows; everything else changes what runs by itself."""
    if options.has("-l") and not options.operands and not options.has("-r", "-e", "-i"):
        return
    if options.has("-r"):
        ruling.danger("removes every scheduled job of this person")
    ruling.unfixed("changes what runs by itself later")


def judge_ps(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """``ps e`` without a dash adds the environment of every process; ``ps -e`` only means all of them."""
    if any(re.fullmatch(r"[A-Za-z]*[eE][A-Za-z]*", item.text) for item in options.operands[:1]):
        ruling.danger("shows the environment of processes, where secrets may be")
    if re.search(r"\benviron", options.value("-o", "-O", "--format")):
        ruling.danger("shows the environment of processes, where secrets may be")


def judge_container(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """A container that gets the whole disk is the machine."""
    texts = [item.text for item in call.arguments]
    for index, text in enumerate(texts):
        value = text.partition("=")[2] or (texts[index + 1] if index + 1 < len(texts) else "")
        if text.split("=")[0] in {"-v", "--volume", "--mount"} or text.startswith("-v/"):
            source = (text[2:] if text.startswith("-v/") else value).split(":")[0]
            source = re.sub(r".*(?:source|src)=([^,]*).*", r"\1", source)
            for target in (
                judge.places.targets(Field(source), call.shell.folders) if source.startswith(("/", ".", "~")) else []
            ):
                if (
                    target.path is not None
                    and judge.places.holds_ground(target.path)
                    and target.path != judge.places.workspace
                ):
                    ruling.danger(
                        f"gives a container {judge.places.shown(target.path)}, and with it everything that is kept from commands"
                    )
                elif target.path is not None:
                    ruling.add(*judge.places.read(target, deep=True))
        if text == "--privileged":
            ruling.caution("a privileged container can do whatever root can")


def judge_sets(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """``date`` and ``hostname`` show, unless a plain word tells them what to set."""
    if any(not item.text.startswith("+") for item in options.operands):
        ruling.caution(f"{entry.name} sets what it otherwise shows")
