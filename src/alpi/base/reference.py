"""docs/CONFIG.md, made from the schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec

from .config import allowed
from .schema import Config

HEAD = """\
# Settings

`config.yaml` in the profile's folder (`alpi config path` prints where). Each setting has a default, so an empty file is a valid one.
A wrong value is an error that names file, line, key and what is allowed; an unknown key is a warning. `alpi config set KEY VALUE`
changes one setting and leaves your comments alone; the file before the change is kept as `config.yaml.bak`. Keys and passwords do not
belong here but into `.env` beside it (`alpi config key NAME`). Files of a project folder (`.env`, `.alpi`, hooks) are never read.

A variable that `.env` does not hold is looked up in the environment of your shell. Other environment variables that alpi
heeds: `ALPI_HOME` (the folder of all profiles, default `~/.alpi`), `ALPI_PROFILE` (which profile, like `-p`), `XDG_CACHE_HOME`,
`NO_COLOR`, `TERM`, `OLLAMA_HOST` (where `alpi setup` looks for Ollama), `ALPI_DEBUG=1` (a traceback instead of a short message when alpi
itself is at fault). Proxy variables are not heeded: set `proxy` at a provider.

This page is generated from the code (`make docs`); `alpi config keys` prints it.

```yaml
model: anthropic/claude-sonnet-4-6        # provider/model
fallback_models: [home/qwen3]
providers:
  home: {kind: openai, base_url: "http://127.0.0.1:18080/v1", api_key_env: HOME_KEY}
workspace: ~/projects/site
```
"""


def config_reference() -> str:
    """The page as Markdown."""
    lines = [
        HEAD,
        "## All settings",
        "",
        "| setting | what it may be | default | meaning |",
        "| --- | --- | --- | --- |",
    ]
    lines += [f"| `{key}` | {kind} | {default} | {meaning} |" for key, kind, default, meaning in _rows(Config, "")]
    return "\n".join(lines) + "\n"


def _rows(kind: type[Any], where: str) -> Iterator[tuple[str, str, str, str]]:
    hints = get_type_hints(kind, include_extras=True)
    for field in msgspec.structs.fields(kind):
        hint = hints[field.name]
        meaning = "; ".join(meta.description for meta in get_args(hint)[1:] if getattr(meta, "description", None))
        plain = get_args(hint)[0] if get_origin(hint) is Annotated else hint
        key = f"{where}{field.name}"
        if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
            yield from _rows(plain, f"{key}.")
        elif get_origin(plain) is dict and issubclass(get_args(plain)[1], msgspec.Struct):
            yield key, "a group of `name: settings`", "none", meaning
            yield from _rows(get_args(plain)[1], f"{key}.NAME.")
        else:
            yield key, allowed(hint), _default(field), meaning


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.default is not msgspec.NODEFAULT:
        value = field.default
        return "" if value in ("", None) else f"`{str(value).lower() if isinstance(value, bool) else value}`"
    return "none"
