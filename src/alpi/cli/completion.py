"""Print a completion script for your shell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

EPILOG = """\
examples:
  alpi completion bash >> ~/.bashrc
  alpi completion zsh > "${fpath[1]}/_alpi"
  alpi completion fish > ~/.config/fish/completions/alpi.fish
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Options of ``alpi completion``."""
    parser.add_argument("shell", choices=["bash", "zsh", "fish"], help="which shell")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the script."""
    from .main import build_parser

    words = completions(build_parser())
    print({"bash": bash, "zsh": zsh, "fish": fish}[args.shell](words), end="")
    return 0


def completions(
    parser: argparse.ArgumentParser, path: tuple[str, ...] = ()
) -> dict[tuple[str, ...], list[tuple[str, str]]]:
    """For each command (as words after ``alpi``): the options and commands that may follow, each with its help."""
    import argparse

    found: list[tuple[str, str]] = []
    below: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, sub in action.choices.items():
                found.append((name, helps.get(name, "")))
                below.update(completions(sub, (*path, name)))
        else:
            found += [(option, action.help or "") for option in action.option_strings]
            found += [(str(choice), "") for choice in action.choices or ()]
    return {path: found, **below}


def bash(words: Mapping[tuple[str, ...], list[tuple[str, str]]]) -> str:
    """The script for bash."""
    cases = "\n".join(
        f'    "{" ".join(path)}") words="{" ".join(word for word, _ in found)}" ;;' for path, found in words.items()
    )
    return f"""\
_alpi() {{
  local command="" words="" word
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case "$word" in -*) ;; *) command="${{command:+$command }}$word" ;; esac
  done
  case "$command" in
{cases}
  esac
  COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
  [ -n "$words" ] || COMPREPLY=($(compgen -f -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _alpi alpi
"""


def zsh(words: Mapping[tuple[str, ...], list[tuple[str, str]]]) -> str:
    """The script for zsh."""
    cases = []
    for path, found in words.items():
        described = " ".join(
            "'{}'".format(f"{word}:{text}".replace("'", "").replace("\n", " ")) for word, text in found
        )
        cases.append(f'    "{" ".join(path)}") choices=({described}) ;;')
    body = "\n".join(cases)
    return f"""\
#compdef alpi
_alpi() {{
  local command="" word
  local -a choices
  for word in ${{words[2,CURRENT-1]}}; do
    case "$word" in -*) ;; *) command="${{command:+$command }}$word" ;; esac
  done
  case "$command" in
{body}
  esac
  if (( $#choices )); then _describe 'alpi' choices; else _files; fi
}}
compdef _alpi alpi
"""


def fish(words: Mapping[tuple[str, ...], list[tuple[str, str]]]) -> str:
    """The script for fish."""
    lines = ["complete -c alpi -f"]
    commands = [word for word, _ in words[()] if not word.startswith("-")]
    for path, found in words.items():
        if path:
            below = [word for word, _ in found if not word.startswith("-")]
            condition = " ; and ".join(f"__fish_seen_subcommand_from {word}" for word in path)
            if below:
                condition += f" ; and not __fish_seen_subcommand_from {' '.join(below)}"
        else:
            condition = f"not __fish_seen_subcommand_from {' '.join(commands)}"
        for word, text in found:
            option = (
                f"-l {word[2:]}"
                if word.startswith("--")
                else f"-s {word[1:]}"
                if word.startswith("-")
                else f"-a {word}"
            )
            text = text.replace("'", "").replace("\n", " ")
            lines.append(f"complete -c alpi -n '{condition}' {option} -d '{text}'")
    return "\n".join(lines) + "\n"
