"""Laws of calls that only read, by the owner's word: it can only ever lift the question for a server's tool, never more."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from alpi.base.message import ToolMessage
from alpi.base.schema import McpServerConfig
from alpi.mcp.declaring import declared
from alpi.mcp.offers import Offer
from alpi.mcp.reading import Reach, actions_of
from alpi.mcp.reviewing import approved, review
from alpi.safety.actions import CallServer
from alpi.safety.effects import judge_effect
from alpi.safety.private import PrivateData
from alpi.safety.tiers import Tier
from alpi.safety.untrusted import raised

NOW = datetime(2026, 11, 25, tzinfo=UTC)
WORDS = st.text(max_size=20)
CALLS = st.builds(CallServer, WORDS, WORDS, WORDS, WORDS, st.booleans(), WORDS, st.booleans(), WORDS)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
OWN = "the merger with nordwind is off and marta must not hear of it before friday noon"


@given(CALLS, st.lists(st.text(min_size=1), max_size=3))
def test_only_a_declared_call_without_anything_against_it_goes_unasked(call: CallServer, sources: list[str]) -> None:
    verdict = raised(call, judge_effect(call), sources)
    clean = call.declared and not (call.private or call.secret or call.doubt)
    assert (verdict.tier is Tier.SAFE) == clean
    if call.declared:
        assert verdict.scope == "", "no yes to it is kept"
    if call.declared and call.secret:
        assert verdict.tier is Tier.DANGEROUS
    plain = msgspec.structs.replace(call, declared=False)
    assert judge_effect(plain) == judge_effect(CallServer(call.server, call.tool, call.arguments, call.pin))


@given(VALUES, st.integers(0, len(OWN) - 30), st.integers(30, 60), st.lists(st.sampled_from(["list", "key", "value"])))
def test_a_piece_of_a_private_text_is_found_wherever_it_stands(
    around: Any, start: int, length: int, way: list[str]
) -> None:
    hidden: Any = OWN[start : start + length]
    if sum(letter.isalnum() for letter in hidden) < 24:
        return
    for step in way[:10]:
        hidden = [around, hidden] if step == "list" else {"k": hidden} if step == "value" else {str(hidden): around}
    messages = [ToolMessage("1", NOW, "c", "read_file", OWN)]
    private = PrivateData(str, list, lambda: messages, lambda: True)
    arguments = {"around": around, "query": hidden}
    first, *_ = actions_of(CallServer("s", "t", "{}", "p"), arguments, Reach(False, True, private), Path("/ws"))
    assert isinstance(first, CallServer) and judge_effect(first).tier is not Tier.SAFE


OFFERS = st.builds(
    Offer,
    st.just("look"),
    st.sampled_from(["", "Looks it up", "Looks it up."]),
    st.sampled_from(["", "Look"]),
    st.fixed_dictionaries({"properties": st.dictionaries(st.sampled_from("abc"), st.just({}), max_size=2)}),
    st.dictionaries(st.sampled_from(["readOnlyHint", "destructiveHint"]), st.booleans()),
)
TARGETS = st.builds(lambda word: McpServerConfig(command=[word]), st.sampled_from(["a", "b"]))


@given(OFFERS, OFFERS, TARGETS, TARGETS)
def test_the_word_holds_for_the_very_same_tool_and_no_other(
    said: Offer, now: Offer, then: McpServerConfig, config: McpServerConfig
) -> None:
    used = frozenset({"look"})
    before = declared(approved("s", then, review([said]), used, NOW, False), ["look"], NOW)
    after = approved("s", config, review([now]), used, NOW, False, before)
    (pin,) = after.tools
    assert after.reads(pin) == (said == now and then == config)
    assert (pin.declared is not None) == after.reads(pin), "what does not hold is not kept either"
