"""Judges in code, for programs whose arguments are a small language of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ..bench import Bench
from ..options import Options
from ..ruling import Call, Ruling
from ..tables import Entry
from . import archives, files, finders, git, network, processes, shells, streams, wrappers

SpecialJudge = Callable[[Bench, Call, Entry, Options, Ruling], None]


@dataclass(frozen=True, slots=True)
class Special:
    """A judge in code. ``instead``: it reads the raw arguments itself; otherwise it adds to what the table found."""

    judge: SpecialJudge
    instead: bool = False


SPECIALS: Mapping[str, Special] = MappingProxyType(
    {
        "shell": Special(shells.judge_shell),
        "eval": Special(shells.judge_eval, instead=True),
        "source": Special(shells.judge_sourced),
        "trap": Special(shells.judge_trap, instead=True),
        "alias": Special(shells.judge_alias, instead=True),
        "interpreter": Special(shells.judge_interpreter),
        "declared": Special(shells.judge_declared),
        "evaluates": Special(shells.judge_evaluates),
        "printf": Special(shells.judge_printf),
        "env": Special(wrappers.judge_env),
        "xargs": Special(wrappers.judge_xargs),
        "command": Special(wrappers.judge_command),
        "applet": Special(wrappers.judge_applet, instead=True),
        "declare": Special(wrappers.judge_set),
        "inputs": Special(wrappers.judge_inputs),
        "rm": Special(files.judge_rm),
        "copy": Special(files.judge_copy),
        "link": Special(files.judge_link),
        "tee": Special(files.judge_tee),
        "gzip": Special(archives.judge_gzip),
        "unzip": Special(archives.judge_unzip),
        "sets": Special(processes.judge_sets),
        "ps": Special(processes.judge_ps),
        "jq": Special(streams.judge_jq),
        "container": Special(processes.judge_container),
        "git-files": Special(git.judge_files),
        "dd": Special(files.judge_dd),
        "modes": Special(files.judge_modes),
        "rsync": Special(files.judge_rsync),
        "find": Special(finders.judge_find, instead=True),
        "fd": Special(finders.judge_fd),
        "sed": Special(streams.judge_sed),
        "awk": Special(streams.judge_awk),
        "tar": Special(archives.judge_tar, instead=True),
        "curl": Special(network.judge_curl),
        "wget": Special(network.judge_wget),
        "ssh": Special(network.judge_ssh),
        "git": Special(git.judge_git, instead=True),
        "git-config": Special(git.judge_config),
        "git-listing": Special(git.judge_listing),
        "git-push": Special(git.judge_push),
        "kill": Special(processes.judge_kill),
        "service": Special(processes.judge_service),
        "crontab": Special(processes.judge_crontab),
    }
)
