"""``git``: its options, configuration and a few subcommands can start other programs."""

from __future__ import annotations

from pathlib import Path

from alpi.safety.tiers import Tier

from .. import operands as kinds
from ..bench import Bench
from ..expand import Field
from ..hosts import note_host
from ..operands import note_scope
from ..options import Options, judge_flags, read_options
from ..ruling import Call, Ruling
from ..tables import Entry

_PLAIN = frozenset(
    {
        "--no-pager",
        "--no-optional-locks",
        "--literal-pathspecs",
        "--no-replace-objects",
        "--icase-pathspecs",
        "--no-advice",
        "-P",
    }
)
_ASKING = frozenset({"--version", "--help", "-v", "-h", "--html-path", "--man-path", "--info-path", "--exec-path"})
_TAKING = frozenset(
    {
        "-C",
        "-c",
        "--git-dir",
        "--work-tree",
        "--namespace",
        "--super-prefix",
        "--config-env",
        "--exec-path",
        "--attr-source",
    }
)


def judge_git(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """The words before the subcommand, then the subcommand by its table."""
    words = list(options.operands)
    while words and (words[0].text.startswith("-") or not words[0].known):
        item = words.pop(0)
        name, equals, value = item.text.partition("=")
        if not item.known and not item.text.startswith("-"):
            ruling.unfixed("which git command runs is only known when it runs")
            return
        if name in _TAKING and not (name == "--exec-path" and not equals):
            field = Field(value, None, item.literal, item.inner) if equals else words.pop(0) if words else Field("")
            _global(judge, call, name, field, ruling)
        elif item.text not in _PLAIN and item.text not in _ASKING:
            ruling.caution(f"git {name}: it may start the configured pager or another program")
    for folder in call.shell.folders:
        _stranger(judge, folder if folder is None else judge.places.resolve(folder), ruling)
    if not words:
        return
    sub = entry.subs.get(words[0].text)
    if words[0].text == "help":
        ruling.caution("opens a viewer")
        return
    if sub is None:
        ruling.caution(f"git {words[0].text} is not known here; it may be an alias for anything")
        ruling.scope.possible = ruling.scope.possible and all(item.known for item in words)
        return
    _subcommand(judge, call, sub, words[1:], ruling)


def _stranger(judge: Bench, folder: Path | None, ruling: Ruling) -> None:
    if folder is None or not judge.places.inside(folder):
        ruling.caution("works in a folder outside the workspace, whose settings can name programs that git starts")


def _subcommand(judge: Bench, call: Call, entry: Entry, arguments: list[Field], ruling: Ruling) -> None:
    options = read_options(entry, arguments)
    for tier, reason in judge_flags(entry, options):
        ruling.add(tier, reason)
    if options.doubtful:
        ruling.scope.possible = False
    if entry.subs:
        _second(judge, call, entry, options, ruling)
        return
    ruling.add(entry.tier, entry.why)
    kinds.judge_operands(judge, call, entry, options, ruling)
    note_scope(entry, options, ruling)
    handler = {
        "git-config": judge_config,
        "git-listing": judge_listing,
        "git-push": judge_push,
        "git-files": judge_files,
    }.get(entry.special)
    if handler is not None:
        handler(judge, call, entry, options, ruling)


def _second(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """``git stash list``, ``git remote -v``, ``git worktree add``."""
    word = options.operands[0].text if options.operands else "(none)"
    second = entry.subs.get(word)
    if second is None:
        ruling.add(max(entry.tier, Tier.CAUTION), entry.why)
        note_scope(entry, options, ruling)
        return
    _subcommand(judge, call, second, options.operands[1:], ruling)


def _global(judge: Bench, call: Call, name: str, value: Field, ruling: Ruling) -> None:
    if name == "-c":
        key, _, setting = value.text.partition("=")
        judge_setting(judge, call, key, setting, ruling)
        if not value.known:
            ruling.unfixed("a setting of git is only known when it runs")
    elif name == "-C":
        kinds.judge_kind(judge, call, "list", value, ruling)
        for target in judge.places.targets(value, call.shell.folders):
            _stranger(judge, target.path, ruling)
    else:
        ruling.caution(f"git {name} takes settings or programs from another place")


def judge_setting(judge: Bench, call: Call, key: str, setting: str, ruling: Ruling) -> None:
    """One setting, given with ``-c`` or written with ``git config``."""
    lower = key.lower()
    if any(
        lower == known or (known.endswith("*") and lower.startswith(known[:-1]))
        for known in judge.tables.git_harmless_keys
    ):
        return
    ruling.caution(f"the setting {key.replace(chr(0), '…')} may make git start a program")
    judge.probe(setting.lstrip("!").replace("\0", ""), call.shell, ruling, f"the setting {key} names a command")


def judge_config(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """``git config``: reading is safe, unless the value may hold a password; writing is asked about."""
    words = [item.text for item in options.operands]
    reading = options.has_exactly(
        "--get",
        "--get-all",
        "--list",
        "-l",
        "--get-regexp",
        "--get-urlmatch",
        "--get-color",
        "--get-colorbool",
        "--name-only",
    )
    if words and words[0] in {"get", "list"}:
        reading, words = True, words[1:]
    elif words and words[0] in {"set", "unset", "edit", "rename-section", "remove-section"}:
        words = words[1:]
    elif len(words) <= 1 and not options.has(
        "--unset", "--unset-all", "--edit", "-e", "--add", "--replace-all", "--remove-section"
    ):
        reading = True
    if reading:
        return
    ruling.caution("changes git's settings, which can name programs that git starts")
    if options.has("--global", "--system"):
        ruling.caution("changes git's settings for every project")
    if len(words) > 1:
        judge_setting(judge, call, words[0], words[1], ruling)


def judge_listing(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """``git branch`` and ``git tag`` list without operands, and make or remove something with them."""
    listing = options.has_exactly(
        "-l", "--list", "--contains", "--no-contains", "--merged", "--no-merged", "--points-at", "--show-current", "-n"
    )
    if options.operands and not listing:
        ruling.caution(f"{entry.name} makes or changes {options.operands[0].text}".replace("\0", "…"))


def judge_push(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """Force is named in the reason; an address given in full gives its host."""
    forced = options.has("-f", "--force", "--force-with-lease", "--mirror", "--delete", "-d", "--prune")
    if forced or any(item.text.startswith("+") for item in options.operands[1:]):
        ruling.caution("force: rewrites or removes what others may already have")
    if any(item.text.startswith(":") for item in options.operands[1:]):
        ruling.caution("removes a branch on the other side")
    if options.operands and ("://" in options.operands[0].text or "@" in options.operands[0].text):
        note_host(judge, options.operands[0], ruling)
        ruling.scope.mode = "words"


def judge_files(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """``git diff --no-index`` reads any file; other operands only look like paths."""
    for item in options.operands:
        if options.has("--no-index") or item.text.startswith(("/", "~", "..")):
            kinds.judge_kind(judge, call, "deep", item, ruling)
