"""Pages as Markdown: headings, code, lists, tables and links are there as the page has them, and what is around them is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpi.tools.web.article import main_part, parsed, whole_part
from alpi.tools.web.client import Fetched
from alpi.tools.web.markdown import markdown
from alpi.tools.web.reader import read

BASE = "https://site.example/guide/page"
# A page of a manual, as generators of such pages write them.
MANUAL = """<!DOCTYPE html><html><head><title>Loading - Widgets 2.1</title></head><body><a href="#main" class="skip">Skip to content</a>
<div class="sphinxsidebar"><h3>Table of contents</h3><ul><li><a href="a">Intro</a></li><li><a href="b">Usage</a></li></ul></div>
<div id=main role=main><div class="breadcrumbs"><a href="/">Docs</a> » <a href="/g">Guide</a> » Loading</div>
<section><h1>Loading widgets<a class="headerlink" href="#loading">¶</a></h1>
<p>Widgets are loaded with <code>widgets.load()</code>,
   which gives a <a href="api.html#Widget"><code>Widget</code></a>.</p>
<div class="highlight-python"><div class="highlight"><pre><span></span><span class="kn">import</span> <span>widgets</span>

<span>def</span> <span>main</span>():
    <span>print</span>(<span>widgets</span>.load(<span>&quot;a.wdg&quot;</span>) &lt; 3)
</pre></div></div>
<h2>Options</h2><table><thead><tr><th>Name</th><th>What it does</th></tr></thead><tbody>
<tr><td><code>strict</code></td><td>fail, see <a href="/s">strictness</a></td></tr>
<tr><td>size</td><td><p>10 | 20</p><p>at most</p></td></tr></tbody></table>
<h3>Steps</h3><ol><li>Install it:<pre><code class="language-sh">pip install widgets
widgets --init</code></pre></li><li>Configure<ul><li>the path</li><li>the colour<ul><li>red</li></ul></li></ul></li><li><p>Run</p></li></ol>
<dl><dt><code>load(path)</code></dt><dd>Loads a widget.</dd></dl><blockquote><p>A widget a day.</p><p>Or two.</p></blockquote>
<h2>See also</h2><ul><li><a href="x.html">Saving widgets</a></li><li><a href="y.html">Painting widgets</a></li></ul>
<p>Line one.<br>Line two: x<sup>2</sup>, <b>bold </b>and <em>slanted</em>.</p><p style="display: none">Hidden order.</p>
</section></div><footer>© The widget authors</footer></body></html>"""
WRITTEN = """\
# Loading widgets

Widgets are loaded with `widgets.load()`, which gives a [`Widget`](https://site.example/guide/api.html#Widget).

```python
import widgets

def main():
    print(widgets.load("a.wdg") < 3)
```

## Options

| Name | What it does |
| --- | --- |
| `strict` | fail, see [strictness](https://site.example/s) |
| size | 10 \\| 20  at most |

### Steps

1. Install it:

   ```sh
   pip install widgets
   widgets --init
   ```
2. Configure
   - the path
   - the colour
     - red
3. Run

`load(path)`
:   Loads a widget.

> A widget a day.
>
> Or two.

## See also

- [Saving widgets](https://site.example/guide/x.html)
- [Painting widgets](https://site.example/guide/y.html)

Line one.\x20\x20
Line two: x^2, **bold** and *slanted*."""


def test_a_page_of_a_manual() -> None:
    page = read(Fetched(BASE, 200, "text/html", MANUAL.encode()))
    assert page.text == WRITTEN and page.title == "Loading - Widgets 2.1"


def written(html: str) -> str:
    page = parsed(html)
    assert page is not None
    return markdown(page.find("body"), BASE)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>one<div>two</div>three", "one\n\ntwo\n\nthree"),
        ("<a href='/x'><div>card</div><p>more</p></a>", "card\n\nmore"),
        ("<pre>a<br>b\n\n  c</pre>", "```\na\nb\n\n  c\n```"),
        ("<p><code>a`b</code>", "`` a`b ``"),
        ("<ol start=7><li>a<li>b</ol>", "7. a\n8. b"),
        ("<ul><li>a</li><ul><li>b</li></ul><li>c</li></ul>", "- a\n  - b\n- c"),
        ("<ul><li><p>a</p><p>b</p></li></ul>", "- a\n\n  b"),
        ("<table><tr><td>a<td>b<tr><td colspan=2>c</table>", "| a | b |\n| --- | --- |\n| c | |"),
        ("<table><caption>Sizes</caption><tr><th>a<th>b<tr><td>1<td>2</table>", "Sizes\n\n| a | b |\n| --- | --- |\n| 1 | 2 |"),
        ("<table><tr><td><h1>T</h1><p>text</p></td><td><p>side</p></td></tr></table>", "# T\n\ntext\n\nside"),
        ("<table><tr><td>only</td></tr><tr><td>column</td></tr></table>", "only\n\ncolumn"),
        ("<p><a href='javascript:x()'>press</a> <a href='#there'>there</a> <a href='mailto:a@b.example'>write</a>",
         "press there [write](mailto:a@b.example)"),
        ("<p><a href='/a b'> spaced  words </a>", "[spaced words](https://site.example/a%20b)"),
        ("<p><a href='http://[broken'>x</a>", "x"),
        ("<p>a <img src=x alt='a grey cat'> b <img src=y alt=icon>", "a ![a grey cat](x) b"),
        ("<details><summary>More</summary><p>Inside</p></details>", "More\n\nInside"),
        ("<h2><a href='/x'>Linked</a> <i>heading</i></h2>", "## [Linked](https://site.example/x) *heading*"),
        ("<p><b></b><i> </i>x", "x"),
        ("<p>a<hr>b", "a\n\n---\n\nb"),
        ("", ""),
    ],
)  # fmt: skip
def test_elements(html: str, text: str) -> None:
    assert written(f"<body>{html}</body>") == text


def test_a_page_without_a_main_part_loses_its_menus_and_nothing_else() -> None:
    menu = "".join(f"<li><a href='/{name}'>{name}</a></li>" for name in ("home", "shop", "news", "jobs", "about"))
    titles = "".join(f"<li><a href='/{n}'>The long title of the piece with the number {n}</a></li>" for n in range(5))
    html = f"""<body><div><ul>{menu}</ul></div><p><a href=/a>Terms</a> |
    <a href=/b>Help</a> | <a href=/c>Contact</a> | <a href=/d>Map</a></p>
    <h1>Title</h1><p>Text with <a href='/x'>one</a>, <a href='/y'>two</a> links.</p><ul>{titles}</ul>
    <div class="share-buttons"><a href=/s>Share</a></div><div class="cookies">What we think of cookies is a text of its own.</div></body>"""
    page = parsed(html)
    assert page is not None and main_part(parsed(html)) is None
    text = markdown(whole_part(page), BASE)
    assert (
        text.startswith("# Title\n\nText with [one]")
        and text.count("The long title") == 5
        and "What we think of cookies" in text
    )
    assert "jobs" not in text and "Share" not in text and "Contact" not in text


@pytest.mark.parametrize(
    "hidden", ["<p hidden>X</p>", '<p aria-hidden="true">X</p>', '<p style="visibility:hidden">X</p>', "<template>X</template>",
               "<nav>X</nav>", '<div role="navigation">X</div>', "<noscript>X</noscript>", "<!-- X -->", "<button>X</button>"]
)  # fmt: skip
def test_what_nobody_sees_is_not_read(hidden: str) -> None:
    page = parsed(f"<body><main><p>Seen.</p>{hidden} And after.</main></body>")
    assert page is not None
    part = main_part(page)
    assert part is not None and markdown(part, BASE).split() == ["Seen.", "And", "after."]


def test_of_several_articles_none_is_the_main_one() -> None:
    page = parsed("<body><article>a</article><article>b</article></body>")
    assert page is not None and main_part(page) is None
    page = parsed("<body><article>a<article>reply</article></article></body>")
    assert page is not None and main_part(page) is not None


TAGS = st.sampled_from(
    ["p", "div", "ul", "ol", "li", "table", "tr", "td", "pre", "code", "a href='/x'", "a href='#'", "h2", "b", "dl", "dt", "dd", "br",
     "blockquote", "main", "nav", "article", "span hidden", "td colspan=99999", "ol start=-3", "sup"]
)  # fmt: skip
PIECES = st.one_of(
    TAGS.map(lambda tag: f"<{tag}>"),
    TAGS.map(lambda tag: f"</{tag.split()[0]}>"),
    st.sampled_from(["word", " ", "\n", "`", "|", "&lt;", "<!--", "\0"]),
)


@given(st.lists(PIECES, max_size=40).map("".join))
def test_any_page_is_written_and_no_word_is_made_up(html: str) -> None:
    page = parsed(html)
    if page is None:
        return
    there = "".join(page.itertext()).count("word")
    text = markdown(page, BASE)
    assert text.count("word") <= there
    assert "<" not in text.replace("<!--", "") or "<" in "".join(page.itertext())
    for part in (main_part(page), whole_part(page)):
        assert part is None or markdown(part, BASE).count("word") <= there


def test_a_text_in_a_page_without_a_main_part_comes_without_the_teasers_around_it() -> None:
    teasers = "".join(
        f"<div><a href='/{n}'><span>A cat was found after {n} years in the walls of an old mill</span></a></div>"
        for n in range(4)
    )
    text = "".join(
        f"<div>The old stone bridge was opened to walkers on Saturday number {n}, says <a href='/e'>a letter</a>.</div>"
        for n in range(9)
    )
    middle = f"<div><h1>Bridge</h1><div>{text}</div><h2>Cars</h2><ul><li>Cost: 4</li></ul></div>"
    html = f"<body><div>{teasers}</div>{middle}<ol>{teasers}</ol></body>"
    page = read(Fetched(BASE, 200, "text/html", html.encode()))
    assert (
        page.text.startswith("# Bridge\n\nThe old stone")
        and page.text.endswith("## Cars\n\n- Cost: 4")
        and page.text.count("Saturday") == 9
    )
    assert "cat" not in page.text


def test_a_front_page_of_nothing_but_links_keeps_them() -> None:
    menu = " | ".join(f"<a href='/{name}'>{name}</a>" for name in ("new", "past", "ask", "show", "jobs"))
    rows = "".join(
        f"<tr><td>{n}.</td><td><a href='https://other.example/{n}'>Story {n} about small things</a></td>"
        f"<td><a href='/u{n}'>user {n}</a></td></tr>"
        for n in range(12)
    )
    head = f"<tr><td><table><tr><td>{menu}</td><td></td></tr></table></td></tr>"
    html = f"<body><table>{head}<tr><td><table>{rows}</table></td></tr></table></body>"
    page = read(Fetched(BASE, 200, "text/html", html.encode()))
    for n in range(12):
        assert f"[Story {n} about small things](https://other.example/{n})" in page.text
    assert "jobs" not in page.text
