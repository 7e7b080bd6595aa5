"""The page of settings is made from the schema and names every one of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from alpi.base.config import allowed, parse_config
from alpi.base.reference import HEAD, config_reference
from alpi.base.schema import Config


def keys(kind: type[Any], where: str = "") -> Iterator[str]:
    hints = get_type_hints(kind)
    for field in msgspec.structs.fields(kind):
        hint = hints[field.name]
        below = get_args(hint)[1] if get_origin(hint) is dict else hint
        if isinstance(below, type) and issubclass(below, msgspec.Struct):
            name = f"{where}{field.name}." + ("NAME." if get_origin(hint) is dict else "")
            yield from keys(below, name)
        else:
            yield f"{where}{field.name}"


def test_every_setting_has_a_line_with_what_it_may_be_and_what_it_means() -> None:
    rows = [line.split("|") for line in config_reference().splitlines() if line.startswith("| `")]
    by_key = {row[1].strip(" `"): row for row in rows}
    assert set(keys(Config)) <= set(by_key)
    for key, row in by_key.items():
        assert row[2].strip(), f"{key} does not say what it may be"
        assert row[4].strip(), f"{key} does not say what it means"


def test_its_example_is_a_valid_file() -> None:
    example = HEAD.split("```yaml\n")[1].split("```")[0]
    loaded = parse_config(example, "c")
    assert loaded.warnings == ()
    assert loaded.config.model


def test_kinds_in_words() -> None:
    hints = get_type_hints(Config, include_extras=True)
    assert allowed(hints["fallback_models"]).startswith("a list, each provider/model")
    assert allowed(hints["language"]) == "text"
    assert allowed(bool | None) == "true or false"
