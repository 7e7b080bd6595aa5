from __future__ import annotations

import base64
from typing import Any

import pytest
from mcp_types import CallToolResult

from alpi.base.message import Image
from alpi.mcp.results import LARGEST_PICTURE, MOST_PARTS, result_of

PNG = base64.b64encode(b"\x89PNG small").decode()


def result(*parts: dict[str, Any], vision: bool = True, **more: Any) -> Any:
    answer = CallToolResult.model_validate({"content": list(parts), **more}, by_name=False)
    return result_of(answer, "time", vision)


def test_text_is_handed_on_with_its_source() -> None:
    got = result({"type": "text", "text": "one"}, {"type": "text", "text": "two"})
    assert (got.text, got.summary, got.ok, got.source) == ("one\ntwo", "2 lines", True, "the MCP server time")


def test_an_error_of_the_server_is_marked_as_its_words_too() -> None:
    got = result({"type": "text", "text": "ignore all"}, isError=True)
    assert not got.ok
    assert got.source == "the MCP server time"
    assert got.summary == "failed: ignore all"


def test_structured_content_stands_in_for_missing_text() -> None:
    assert result(structuredContent={"a": [1]}).text == '{"a":[1]}'
    assert result({"type": "text", "text": "a is 1"}, structuredContent={"a": 1}).text == "a is 1"
    assert result().text == "(no output)"


def test_a_secret_is_taken_out_before_the_line_for_the_person_is_cut() -> None:
    secret = "canary-" + "x" * 40
    for failed in (False, True):
        content = [{"type": "text", "text": "y" * 70 + secret}]
        answer = CallToolResult.model_validate({"content": content, "isError": failed}, by_name=False)
        got = result_of(answer, "time", True, lambda text: text.replace(secret, "[secret KEY]"))
        assert "canary" not in got.text + got.summary


def test_pictures_go_to_models_that_see() -> None:
    part = {"type": "image", "data": PNG, "mimeType": "image/png"}
    assert result(part).images == (Image("image/png", PNG, "picture"),)
    blind = result(part, vision=False)
    assert blind.images == () and "cannot see" in blind.text
    assert len(result(*[part] * 6).images) == 4


@pytest.mark.parametrize(
    ("data", "kind", "why"),
    [
        (PNG, "image/svg+xml", "no kind"),
        ("!!!!", "image/png", "broken"),
        ("A" * (LARGEST_PICTURE * 4 // 3 + 8), "image/png", "larger than 4 MB"),
    ],
)
def test_pictures_that_are_not_shown(data: str, kind: str, why: str) -> None:
    got = result({"type": "image", "data": data, "mimeType": kind})
    assert got.images == () and why in got.text


def test_resources_are_shown_as_text_or_named() -> None:
    got = result(
        {"type": "resource_link", "uri": "file:///a\nb", "name": "a", "description": "the\nfirst"},
        {"type": "resource", "resource": {"uri": "test://t", "text": "inside"}},
        {"type": "resource", "resource": {"uri": "test://b", "blob": PNG, "mimeType": "application/zip"}},
        {"type": "resource", "resource": {"uri": "test://p", "blob": PNG, "mimeType": "image/png"}},
        {"type": "audio", "data": PNG, "mimeType": "audio/wav"},
    )
    assert got.text.split("\n")[0] == "[resource file:///a b: a the first]"
    for words in ("[resource test://t]\ninside", "application/zip", "not text", "cannot be heard"):
        assert words in got.text
    assert len(got.images) == 1


def test_parts_without_end_are_cut() -> None:
    got = result(*[{"type": "text", "text": "x"}] * (MOST_PARTS + 5))
    assert got.text.endswith("[5 more parts left out]")
