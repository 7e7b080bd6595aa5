"""The questions about a new MCP server, one after the other; all of it is in memory until it is kept."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from urllib.parse import urlsplit

from ..mcp.names import SERVER, server_problem
from .interview import Interview, Option
from .site import ServerDesk, Site
from .wanted import ADDRESS, AS_COMMANDS, PROGRAM, STRICT, Wanted

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
KEPT = "mcp"
"""Under which name a site keeps what was typed."""
LAUNCHERS = frozenset(
    {
        "npx",
        "bunx",
        "uvx",
        "pnpm",
        "yarn",
        "uv",
        "pipx",
        "dlx",
        "tool",
        "run",
        "node",
        "python",
        "python3",
        "mcp",
        "server",
    }
)
"""What in a command is not the name of what it runs."""


def wanted_of(site: Site) -> Wanted:
    """What was typed when the section was left last, or nothing."""
    found = site.typed.setdefault(KEPT, Wanted())
    assert isinstance(found, Wanted)
    return found


def forget_wanted(site: Site) -> None:
    """It was kept; the next one begins anew."""
    site.typed.pop(KEPT, None)


async def ask_for(site: Site, ask: Interview, desk: ServerDesk, wanted: Wanted) -> dict[str, str]:
    """Ask for all that is needed of a server. Gives the secret by the name that it is to be stored under; empty for none.

    Raises:
        Left: the person left; what they typed stays in ``wanted``.
    """
    kinds = [
        Option(PROGRAM, "A program on this machine", "alpi starts it, in the sandbox"),
        Option(ADDRESS, "An address", "it runs elsewhere, and is reached over the network"),
    ]
    wanted.kind = await ask.choose("What is it?", kinds, current=wanted.kind)
    if wanted.kind == PROGRAM:
        ask.say("With uvx, npx and the like the exact version is needed: uvx mcp-server-time==2026.10.19", "quiet")
        wanted.command = await ask.text(
            "The command, as you would type it", default=wanted.command, check=command_problem
        )
    else:
        wanted.url = await ask.text("Its address", default=wanted.url, check=desk.address_problem)
    taken = site.config().mcp.servers

    def name_problem(text: str) -> str:
        return f"There is a server {text} already" if text in taken else server_problem(text, taken)

    guess = wanted.name or name_of(wanted)
    wanted.name = await ask.text(
        "What shall it be called?", default="" if name_problem(guess) else guess, check=name_problem
    )
    if wanted.kind == PROGRAM:
        question = "Folders that it may write, besides the workspace, with commas between them (none: no other)"
        wanted.folders = await ask.text(question, default=wanted.folders, check=folders_problem)
        networks = [
            Option(AS_COMMANDS, "As commands", "sandbox.mode decides"),
            Option(STRICT, "None", "what it is told cannot leave this machine"),
        ]
        wanted.network = await ask.choose("Which network does it get?", networks, current=wanted.network)
    return await _secret(site, ask, wanted)


async def _secret(site: Site, ask: Interview, wanted: Wanted) -> dict[str, str]:
    wanted.secret = await ask.confirm("Does it need a secret, such as a token?", wanted.secret)
    if not wanted.secret:
        return {}
    key = key_of(wanted.name)
    if wanted.kind == PROGRAM:
        check = lambda text: "" if VARIABLE.fullmatch(text) else "A variable has letters, digits and _"  # noqa: E731 - a question's own rule
        wanted.holder = await ask.text("In which variable does it look for it?", default=wanted.holder, check=check)
        wanted.template = f"${key}"
    else:
        check = lambda text: "" if HEADER.fullmatch(text) else "A header's name has letters, digits and -"  # noqa: E731
        wanted.holder = await ask.text("In which header?", default=wanted.holder or "Authorization", check=check)
        usual = f"Bearer ${key}" if wanted.holder.casefold() == "authorization" else f"${key}"
        known = wanted.template if f"${key}" in wanted.template else usual
        check = lambda text: "" if f"${key}" in text else f"Write ${key} where the secret belongs; it is asked next"  # noqa: E731
        wanted.template = await ask.text(
            f"The header's value; ${key} stands for the secret", default=known, check=check
        )
    if site.secrets.get(key) and await ask.confirm(f"{key} is stored already. Use what is stored?", True):
        return {}
    ask.say(
        f"It goes into the profile's .env as {key}, for your eyes only (0600); config.yaml gets the name alone.",
        "quiet",
    )
    return {key: await ask.secret("The secret")}


def key_of(name: str) -> str:
    """The name that a server's secret is stored under."""
    return re.sub(r"[^A-Z0-9]", "_", f"MCP_{name.upper()}_TOKEN")


def name_of(wanted: Wanted) -> str:
    """A name for a server, from its command or address; ``""`` where none comes to mind."""
    if wanted.kind == ADDRESS:
        words = [word for word in (urlsplit(wanted.url).hostname or "").split(".") if word not in ("www", "api", "mcp")]
        found = words[0] if words else ""
    else:
        plain = [word for word in wanted.words if not word.startswith("-")]
        last = next((word for word in plain if Path(word).name not in LAUNCHERS), "")
        file = re.sub(r"\.(py|js|mjs|sh)$", "", re.split(r"==|(?<=.)@", Path(last).name.lower())[0])
        parts = re.split(r"[^a-z0-9]+", file)
        found = "-".join(part for part in parts if part and part not in LAUNCHERS)
    return found if SERVER.fullmatch(found) else ""


def command_problem(text: str) -> str:
    """Why a text is no command, or ``""``."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        return f"A quote is missing: {error}"
    return "" if words and words[0] else "Give the program, and what follows it"


def folders_problem(text: str) -> str:
    """Why a list of folders cannot be taken, or ``""``."""
    for folder in Wanted(folders=text).folder_list:
        try:
            place = Path(folder).expanduser()
        except RuntimeError:
            place = Path(folder)
        if not place.is_dir():
            return f"There is no folder {folder}"
    return ""
