"""Programs that talk to other machines: the host, what is sent, and where the answer goes."""

from __future__ import annotations

from .. import operands as kinds
from ..bench import Bench
from ..expand import Field
from ..hosts import note_host, scheme_of
from ..options import Options
from ..ruling import Call, Ruling
from ..tables import Entry

_SENDS = frozenset(
    {
        "-d", "--data", "--data-ascii", "--data-binary", "--data-raw", "--data-urlencode", "--json", "-F", "--form",
        "--form-string", "-T", "--upload-file", "--url-query", "-X", "--request",
    }
)  # fmt: skip
_MAY_NAME_FILE = frozenset(
    {
        "-d", "--data", "--data-ascii", "--data-binary", "--data-urlencode", "--json", "-F", "--form", "-H",
        "--header", "-b", "--cookie", "-w", "--write-out", "--url-query", "--variable", "--expand-data",
    }
)  # fmt: skip
_COMMAND_OPTIONS = frozenset(
    {
        "proxycommand", "localcommand", "knownhostscommand", "match", "permitlocalcommand", "pkcs11provider",
        "securitykeyprovider", "proxyusefdpass", "remotecommand", "xauthlocation", "include", "sendenv", "setenv",
    }
)  # fmt: skip


def judge_curl(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """A request to a host; files may be sent, and the answer may be written."""
    for item in _addresses(options, "--url"):
        if scheme_of(item.text) == "file":
            _local(judge, call, item, ruling)
        else:
            note_host(judge, item, ruling)
    sends = False
    for flag in options.flags:
        if flag.value is None:
            continue
        if flag.name in _SENDS and not (
            flag.name in {"-X", "--request"} and flag.value.text in {"GET", "HEAD", "OPTIONS"}
        ):
            sends = True
        if flag.name in _MAY_NAME_FILE:
            _named_file(judge, call, flag.name, flag.value, ruling)
        if flag.name in {"-T", "--upload-file"} and flag.value.text != "-":
            kinds.judge_kind(judge, call, "read", _home(judge, flag.value), ruling)
            ruling.caution(f"sends the file {flag.value.text}")
    if sends:
        ruling.caution("sends data to another machine")
        ruling.scope.mode = "words"
    if options.has("-O", "--remote-name", "--remote-name-all", "-J", "--remote-header-name"):
        _named_after(judge, call, options, ruling)
    _note_fetched(judge, call, options.value("-o", "--output"), ruling)


def _addresses(options: Options, flag: str) -> list[Field]:
    return [*options.operands, *(item.value for item in options.flags if item.name == flag and item.value is not None)]


def _local(judge: Bench, call: Call, item: Field, ruling: Ruling) -> None:
    path = "/" + item.text.partition("://")[2].partition("/")[2]
    kinds.judge_kind(judge, call, "read", Field(path, None, item.literal), ruling)


def _home(judge: Bench, item: Field) -> Field:
    """Some programs read ``~`` themselves, and people mean it: judged as the home folder."""
    text = item.text
    return Field(str(judge.scene.home) + text[1:], None, item.literal, item.inner) if text.startswith("~") else item


def _named_file(judge: Bench, call: Call, flag: str, value: Field, ruling: Ruling) -> None:
    """``@file`` and ``name=@file`` (``<file`` in forms) send a file's content."""
    text = value.text
    marks = ("@", "<") if flag in {"-F", "--form"} else ("@",)
    names = []
    for mark in marks:
        if text.startswith(mark):
            names.append(text[1:])
        elif "=" + mark in text:
            names.append(text.partition("=" + mark)[2])
    if flag == "--data-urlencode" and "@" in text and "=" not in text.partition("@")[0]:
        names.append(text.partition("@")[2])
    if flag in {"-b", "--cookie"} and "=" not in text:
        names.append(text)
    for name in names:
        name = name.partition(";")[0].strip('"')
        if name in {"", "-"}:
            ruling.scope.possible = False
            continue
        kinds.judge_kind(judge, call, "read", _home(judge, Field(name, None, value.literal)), ruling)
        ruling.caution(f"sends the content of {name}")
        ruling.scope.possible = False


def _named_after(judge: Bench, call: Call, options: Options, ruling: Ruling) -> None:
    folder = options.value("--output-dir", "-P", "--directory-prefix")
    for item in options.operands:
        name = (
            item.text.split("?")[0].rstrip("/").rsplit("/", 1)[-1]
            if "/" in item.text.partition("://")[2]
            else "index.html"
        )
        target = f"{folder}/{name}" if folder else name
        kinds.judge_kind(judge, call, "write", Field(target or "index.html"), ruling)
        _note_fetched(judge, call, target, ruling)


def _note_fetched(judge: Bench, call: Call, name: str, ruling: Ruling) -> None:
    if name and name != "-" and "\0" not in name:
        for target in judge.places.targets(Field(name), call.shell.folders):
            if target.path is not None:
                judge.fetched[target.path] = "downloaded"


def judge_wget(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """Like curl, but it writes a file unless told otherwise."""
    for item in options.operands:
        note_host(judge, item, ruling)
    name = options.value("-O", "--output-document")
    if options.has("--post-data", "--post-file", "--body-data", "--body-file", "--method"):
        ruling.caution("sends data to another machine")
        ruling.scope.mode = "words"
    if options.has("-r", "--recursive", "-m", "--mirror", "-p", "--page-requisites"):
        ruling.caution("fetches many files, and names them as the other side likes")
        ruling.scope.possible = False
    elif name:
        _note_fetched(judge, call, name, ruling)
    elif not options.has_exactly("--spider"):
        _named_after(judge, call, options, ruling)


def judge_ssh(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """Options can name local programs; the rest of the line is code for the other machine."""
    for flag in options.flags:
        if flag.name == "-o" and flag.value is not None:
            name, _, value = flag.value.text.replace(" ", "=", 1).partition("=")
            if name.lower() in _COMMAND_OPTIONS:
                ruling.unfixed(f"-o {name} can start a program on this machine")
                judge.probe(value, call.shell, ruling, f"-o {name}")
        if flag.name in {"-F", "-S", "-L", "-R", "-D", "-W", "-A", "-X", "-Y"}:
            ruling.unfixed(f"{flag.name} changes what may pass between the machines")
    if entry.name == "ssh" and options.operands:
        note_host(judge, Field(options.operands[0].text.rpartition("@")[2]), ruling)
        remote = options.operands[1:]
        ruling.scope.mode = "words"
        if remote:
            judge.probe(
                " ".join(item.text for item in remote).replace("\0", ""), call.shell, ruling, "on the other machine"
            )
    else:
        for item in options.operands:
            host, colon, _ = item.text.partition(":")
            if colon and "/" not in host:
                note_host(judge, Field(host.rpartition("@")[2]), ruling)
            else:
                kinds.judge_kind(judge, call, "deep", item, ruling)
        if options.operands and ":" not in options.operands[-1].text:
            kinds.judge_kind(judge, call, "write", options.operands[-1], ruling)
        ruling.scope.mode = "words"
