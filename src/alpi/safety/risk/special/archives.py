"""``tar``: listing is safe; packing reads and writes; unpacking lets the archive decide what is overwritten."""

from __future__ import annotations

import re

from .. import operands as kinds
from ..bench import Bench
from ..expand import Field
from ..operands import note_scope
from ..options import Options, judge_flags, read_options
from ..ruling import Call, Ruling
from ..tables import Entry


def judge_tar(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """Read ``tar xzf`` and ``tar -xzf`` alike."""
    arguments = list(options.operands)
    if arguments and re.fullmatch(r"[A-Za-z]+", arguments[0].text):
        arguments = _old_style(arguments, entry)
    options = read_options(entry, arguments)
    for tier, reason in judge_flags(entry, options):
        ruling.add(tier, reason)
    for flag in options.flags:
        kind = entry.values.get(flag.name, "text")
        if flag.value is not None and kind != "text":
            kinds.judge_kind(judge, call, kind, flag.value, ruling)
    note_scope(entry, options, ruling)
    archive = [flag.value for flag in options.flags if flag.name in {"-f", "--file"} and flag.value is not None]
    folders = [flag.value for flag in options.flags if flag.name in {"-C", "--directory"} and flag.value is not None]
    for item in archive:
        if ":" in item.text and "--force-local" not in [flag.name for flag in options.flags]:
            ruling.caution("an archive with a colon in its name may be on another machine")
    if options.has("-x", "--extract", "--get"):
        _files(judge, call, archive, "read", ruling)
        for item in folders or [Field(".")]:
            kinds.judge_kind(judge, call, "change", item, ruling)
        ruling.caution("unpacks an archive, which decides what is written and overwritten")
    elif options.has_exactly("-t", "--list", "-d", "--diff", "--compare"):
        _files(judge, call, archive, "read", ruling)
    else:
        if options.has("-u", "-r", "-A", "--delete", "--update", "--append"):
            ruling.caution("changes an archive")
        _files(judge, call, archive, "write", ruling)
        for base in folders or [Field("")]:
            for item in options.operands:
                text = f"{base.text}/{item.text}" if base.text and not item.text.startswith("/") else item.text
                kinds.judge_kind(judge, call, "deep", Field(text, item.pattern, item.literal), ruling)
    if options.has("--remove-files"):
        ruling.danger("deletes the files that it has packed")


def _files(judge: Bench, call: Call, items: list[Field], kind: str, ruling: Ruling) -> None:
    for item in items:
        if item.text != "-":
            kinds.judge_kind(judge, call, kind, item, ruling)


def _old_style(arguments: list[Field], entry: Entry) -> list[Field]:
    """``tar cfC a.tar dir`` gives the letters their values in order, after the bundle."""
    out: list[Field] = []
    rest = arguments[1:]
    for letter in arguments[0].text:
        out.append(Field("-" + letter))
        if "-" + letter in entry.values and rest:
            out.append(rest.pop(0))
    return out + rest


def judge_unzip(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """``unzip`` lists with ``-l`` and its like; otherwise it unpacks."""
    if not options.has("-l", "-v", "-t", "-Z", "-z", "-p"):
        ruling.caution("unpacks an archive, which decides what is written and overwritten")
        ruling.writes = True


def judge_gzip(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """``gzip`` and its like put another file in the place of each operand, unless they only print."""
    reading = options.has_exactly(*entry.reading)
    for item in options.operands:
        kinds.judge_kind(judge, call, "read", item, ruling)
        if not reading:
            kinds.judge_kind(judge, call, "change", item, ruling)
