"""Laws of the redirect: what comes out is what stood in an address of this login, and no other address gives anything."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from hypothesis import assume, given
from hypothesis import strategies as st

from alpi.base.errors import Refused
from alpi.mcp.courier import origin_of
from alpi.mcp.redirects import LoginRefused, NoRedirect, Redirected, read_redirect

URI = "http://127.0.0.1:4321/callback"
visible = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FFF, exclude_categories=["Cs"]), min_size=1, max_size=60
)


@given(code=visible, state=visible, iss=st.none() | visible, more=st.dictionaries(visible, visible, max_size=3))
def test_a_redirect_is_read_as_it_was_written(code: str, state: str, iss: str | None, more: dict[str, str]) -> None:
    fields = {**more, "code": code, "state": state, **({"iss": iss} if iss is not None else {})}
    assume("error" not in more and (iss is not None or "iss" not in more))
    assert read_redirect(f"{URI}?{urlencode(fields)}", URI, state) == Redirected(code, state, iss)


@given(address=st.text(max_size=40) | visible.map(lambda text: f"{URI}?code=a&state={quote(text, safe='&=?#')}"))
def test_without_the_state_there_is_nothing(address: str) -> None:
    state = "the-state-of-this-login-alone"
    assume(state not in address)
    try:
        found: object = read_redirect(address, URI, state)
    except (NoRedirect, LoginRefused) as error:
        found = error
    assert isinstance(found, NoRedirect)


@given(
    address=st.text(max_size=40) | st.builds("{}://{}/{}".format, st.sampled_from(["http", "https"]), visible, visible)
)
def test_an_origin_is_ascii_without_a_name_and_stays_itself(address: str) -> None:
    try:
        origin = origin_of(address)
    except Refused:
        return
    assert origin.isascii() and "@" not in origin and origin_of(origin) == origin
