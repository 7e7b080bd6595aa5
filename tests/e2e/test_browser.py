"""The browser tool with a real Chromium on local pages: what it reads, whom it cannot reach, what needs a yes, and that it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from alpi.agent.dispatch import Outcome
from alpi.safety.actions import Answer as Said
from alpi.safety.network.guard import NetworkGuard
from alpi.safety.private import Leak, nothing_private
from alpi.tools.browser import Browser
from alpi.tools.browsing.finding import find_browser
from tests.support.fakes import Person
from tests.support.site import Answer, Site, redirect
from tests.support.stage import in_loop
from tests.support.workbench import Workbench

pytestmark = pytest.mark.e2e

FRONT = """<title>Front</title><h1>Welcome</h1><p>Some words.</p>
<a href="/second">the second page</a> <a href="#" onclick="document.title='js'">a script link</a>
<form action="/search"><input name=q placeholder="Search"><button>Send</button></form>
<select aria-label="Colour"><option>red<option>blue</select>"""


class Place:
    """A browser on a workbench, with a person who says what the test wants."""

    def __init__(self, folder: Path, guard: NetworkGuard, person: Person, **more: Any) -> None:
        program = find_browser(os.environ)
        assert program, "chromium and playwright are needed: make test-e2e installs both"
        private: Callable[[str], Leak] = more.pop("private", nothing_private)
        self.tool = Browser(program, folder / "browser", lambda: guard, private)
        self.bench = Workbench(folder, tools=(self.tool,), asker=person, **more)

    async def do(self, action: str, target: str = "", text: str = "") -> Outcome:
        return await self.bench.start("browser", action=action, target=target, text=text)

    async def ok(self, action: str, target: str = "", text: str = "") -> str:
        done = await self.do(action, target, text)
        assert done.ok, done.text
        return done.text

    def name(self, words: str) -> str:
        """The number of the element whose name holds these words."""
        elements = self.tool._chromium.outline.elements
        return next(ref for ref, element in elements.items() if words in str(element))


@asynccontextmanager
async def browsing(folder: Path, site: Site, person: Person, **more: Any) -> AsyncIterator[Place]:
    place = Place(folder, more.pop("guard", None) or site.guard(), person, **more)
    try:
        yield place
    finally:
        await place.bench.toolbox.aclose()


@in_loop
async def test_pages_are_read_followed_and_operated_after_a_yes(tmp_path: Path) -> None:
    pages: dict[str, Answer | str] = {"/": FRONT, "/second": "<h1>Second</h1>", "/search": "<h1>Found</h1>"}
    person = Person(Said.NO, Said.ONCE, Said.ONCE, Said.ONCE)
    async with Site(pages) as site, browsing(tmp_path, site, person) as place:
        text = await place.ok("open", site.url())
        assert "Welcome" in text and "Some words." in text and "to /second" in text and "[untrusted" in text
        assert place.bench.toolbox.marks.sources == (f"the page {site.url()} in the browser",)
        assert "Second" in await place.ok("click", place.name("second page"))
        assert not person.questions  # reading and following links needs nobody
        assert "Welcome" in await place.ok("back")
        refused = await place.do("type", place.name("Search"), "secret plans")
        assert refused.refused and "secret plans" in person.questions[0].preview
        assert place.bench.toolbox.marks.sources[0] in person.questions[0].why
        assert not person.questions[0].scope_text, "an earlier yes must not cover what a page may have asked for"
        assert "no element" in (await place.do("type", "e999", "x")).text and len(person.questions) == 1
        await place.ok("type", place.name("Search"), "cats")
        await place.ok("type", place.name("Colour"), "blue")
        assert "Found" in await place.ok("click", place.name("Send"))
        assert "/search?q=cats" in site.paths and not any("secret" in path for path in site.paths)


@in_loop
async def test_a_page_cannot_reach_inside(tmp_path: Path) -> None:
    async with Site({"/": "<h1>inside</h1>"}) as inside, Site() as site:
        port = inside.port
        site.pages[
            "/"
        ] = f"""<h1>Outside</h1><img src="http://127.0.0.1:{port}/img"><img src="http://localhost:{port}/img2">
        <iframe src="http://[::1]:{port}/frame"></iframe><iframe src="http://169.254.169.254/latest/meta-data/"></iframe>
        <iframe src="http://rebinding.test:{port}/frame"></iframe>
        <script>
        const said = [];
        const tell = text => {{ said.push(text); document.querySelector('h1').textContent = 'Outside ' + said.length; }};
        fetch('http://127.0.0.1:{port}/fetch', {{mode: 'no-cors'}}).then(() => tell('got'), () => tell('failed'));
        const socket = new WebSocket('ws://127.0.0.1:{port}/socket');
        socket.onerror = () => tell('failed'); socket.onopen = () => tell('got');
        navigator.sendBeacon('http://127.0.0.1:{port}/beacon', 'x');
        window.open('http://127.0.0.1:{port}/popup');
        navigator.serviceWorker && navigator.serviceWorker.register('/worker.js').then(() => tell('got'), () => tell('failed'));
        </script>"""
        site.pages["/away"] = redirect(f"http://127.0.0.1:{port}/redirected")
        site.pages["/meta"] = f'<meta http-equiv="refresh" content="0;url=http://127.0.0.1:{port}/meta"><h1>meta</h1>'
        site.pages["/401"] = Answer("who?", 401, {"WWW-Authenticate": 'Basic realm="x"', "Content-Type": "text/html"})
        names = {name: ["127.0.0.1"] for name in ("site.test", "rebinding.test", "localhost")}
        guard = site.guard("site.test", resolve=lambda host: names.get(host, []))
        async with browsing(tmp_path, site, Person(), guard=guard) as place:
            text = await place.ok("open", site.url())
            assert "Outside" in text
            await asyncio.sleep(1)
            for path in ("/away", "/meta", "/401"):
                await place.do("open", site.url(path))
                await asyncio.sleep(0.3)
            for url in (f"http://127.0.0.1:{port}/", f"http://localhost:{port}/", "http://169.254.169.254/"):
                assert (await place.do("open", url)).refused, url
            for url in (
                "file:///etc/passwd",
                "chrome://settings",
                "javascript:alert(1)",
                "view-source:http://site.test",
            ):
                assert "web address" in (await place.do("open", url)).text, url
        assert inside.paths == []
        assert not any("proxy-authorization" in headers for _, _, headers in site.seen)
        assert not any("authorization" in headers for _, _, headers in site.seen)


@in_loop
async def test_pictures_and_downloads_land_in_the_workspace_only(tmp_path: Path) -> None:
    file = Answer(
        b"a,b\n", 200, {"Content-Type": "text/csv", "Content-Disposition": 'attachment; filename="../../t.csv"'}
    )
    pages: dict[str, Answer | str] = {"/": '<a href="/t.csv">table</a>', "/t.csv": file}
    async with Site(pages) as site, browsing(tmp_path, site, Person(Said.NO)) as place:
        await place.ok("open", site.url())
        await place.ok("screenshot")
        assert (place.bench.workspace / "screenshot.png").read_bytes().startswith(b"\x89PNG")
        text = await place.ok("click", place.name("table"))
        assert "t.csv" in text and not list(place.bench.workspace.glob("*.csv"))
        assert not (await place.do("save", "../../outside.csv")).ok  # asked, and refused
        assert not (await place.do("save", "~/.ssh/authorized_keys")).ok
        assert "Saved" in await place.ok("save")
        saved = list(place.bench.workspace.glob("*.csv"))
        assert [path.read_bytes() for path in saved] == [b"a,b\n"]
        await place.ok("close")
        assert not list((tmp_path / "browser").glob("scratch-*"))


@in_loop
async def test_a_model_that_sees_is_shown_the_picture(tmp_path: Path) -> None:
    async with Site({"/": FRONT}) as site, browsing(tmp_path, site, Person(), vision=True) as place:
        await place.ok("open", site.url())
        done = await place.do("screenshot")
        assert done.images[0].media_type == "image/png" and done.source and not list(place.bench.workspace.iterdir())


@in_loop
async def test_what_changes_under_a_question_is_not_pressed(tmp_path: Path) -> None:
    page = "<h1>x</h1><button onclick=\"fetch('/bought')\">Cancel</button>"
    page += "<script>setTimeout(() => document.querySelector('button').textContent = 'Buy', 1500)</script>"

    class Slow(Person):
        async def ask(self, question: Any) -> Said:
            await asyncio.sleep(2)
            return Said.ONCE

    async with Site({"/": page}) as site, browsing(tmp_path, site, Slow()) as place:
        await place.ok("open", site.url())
        done = await place.do("click", place.name("Cancel"))
        assert "changed meanwhile" in done.text
        assert "/bought" not in site.paths


@in_loop
async def test_private_text_is_named_and_secrets_are_refused(tmp_path: Path) -> None:
    def private(text: str) -> Leak:
        return (
            Leak("a secret of this profile", True)
            if "s3cr3t" in text
            else Leak("a line of USER.md" * ("diary" in text))
        )

    async with Site({"/": FRONT}) as site:
        person = Person(Said.NO)
        async with browsing(tmp_path, site, person, private=private) as place:
            await place.ok("open", site.url())
            assert (await place.do("type", place.name("Search"), "s3cr3t")).refused and not person.questions
            assert (await place.do("open", site.url("/?q=diary"))).refused
            assert "a line of USER.md" in person.questions[0].why


HOLDER = """
import asyncio, json, os, sys
from pathlib import Path
from alpi.safety.network.guard import NetworkGuard, system_resolver
from alpi.tools.browsing.chromium import Chromium
async def main():
    guard = lambda: NetworkGuard(system_resolver, lambda host, address: "")
    chromium = Chromium(sys.argv[1], Path(sys.argv[2]), guard)
    await chromium._started()
    print("ready", flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


def using(folder: Path) -> list[str]:
    """The running processes that have a folder in their command line."""
    found = subprocess.run(["ps", "-ewwo", "pid,args"], capture_output=True, text=True, check=True).stdout
    return [
        line for line in found.splitlines() if str(folder) in line and "HOLDER" not in line and "/python" not in line
    ]


def test_the_browser_ends_when_alpi_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "browser"
    command = [sys.executable, "-c", HOLDER, find_browser(os.environ), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        running = using(folder)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert running
    deadline = time.monotonic() + 10
    while using(folder) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert using(folder) == []
