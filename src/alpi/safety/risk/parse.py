"""From text to steps: a shell command as a flat list of the simple commands that it would run, in source order.

tree-sitter gives the structure (what is a command, what feeds what, what sits inside a substitution). The words stay
as raw source text; `expand` reads them. Everything that the grammar refuses is kept in ``Script.broken``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from .misread import SUBSTITUTIONS, ends_earlier, evaluated_later, false_comment, unseen
from .steps import Assign, Redirect, Script, Step, TooComplex, Word

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

MAX_DEPTH = 80
"""Nesting of the syntax tree. A person's command stays under twenty."""
MAX_PARSER_CALLS = 300
"""The parser reports progress every hundred steps or so; this many reports are about ten thousand tokens."""
MAX_NODES = 9_000
"""Pieces in the syntax tree."""
MAX_WORDS = 400
MAX_PIPES = 150
"""The grammar needs time with the square of the bars in broken input."""
MAX_HERE = 40
"""The same for here-documents."""

_WORDS_OF_TEST = frozenset({"test_command", "arithmetic_expansion", "c_style_for_statement"})
_TAILS = frozenset(
    {"pipeline", "list", "command", "redirected_statement", "subshell", "compound_statement", "negated_command"}
)
_CASE_ENDS = frozenset({";;", ";&", ";;&"})
_CHAINS = frozenset({"list", "pipeline", "negated_command"})
_REDIRECTS = frozenset({"file_redirect", "heredoc_redirect", "herestring_redirect"})


@dataclass(frozen=True, slots=True)
class _Around:
    frame: tuple[int, ...] = ()
    upstream: tuple[Step, ...] = ()
    stdin: tuple[Redirect, ...] = ()
    chained: bool = False
    depth: int = 0


# What the parser sees in place of each byte of a letter beyond ASCII. Its scanner looks characters up in tables that end there, and
# crashes on larger ones; bash takes them all for ordinary letters of a word that are part of no name, and so is a dot.
_ASCII = bytes(byte if byte < 128 else 46 for byte in range(256))


@cache
def _parser() -> Parser:
    import tree_sitter_bash
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_bash.language()))


def parse(command: str) -> Script:
    """Read a command. Takes text without NUL; raises `TooComplex` when a bound on time or nesting is passed."""
    if command.count("|") > MAX_PIPES or command.count("<<") > MAX_HERE:
        raise TooComplex("too many pipes or here-documents to be judged")
    source = command.encode("utf-8", "replace")
    seen = source.translate(_ASCII)
    calls = 0

    def progress(*_: object) -> bool:
        nonlocal calls
        calls += 1
        return calls > MAX_PARSER_CALLS

    parser = _parser()
    try:
        tree = parser.parse(lambda offset, _point: seen[offset:], progress_callback=progress)
    except ValueError:
        parser.reset()
        raise TooComplex("too long or too tangled to be judged") from None
    if tree.root_node.descendant_count > MAX_NODES:
        raise TooComplex("too many words and operators to be judged")
    reader = _Reader(source)
    # Two delimiters that differ only in such letters would look the same.
    reader.script.broken |= seen != source and b"<<" in source
    reader.script.broken |= b"$[" in source  # the old arithmetic, which the grammar does not know
    if b"#" in source and false_comment(tree.root_node, source):
        reader.script.broken = True
    reader.visit(tree.root_node, _Around())
    reader.script.broken |= tree.root_node.has_error
    return reader.script


class _Reader:
    """Walks the tree once and collects steps. Nested steps come before the step that holds them."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self.script = Script()
        self.frames = 0

    def text(self, start: int, end: int) -> str:
        return self.source[start:end].decode("utf-8", "replace")

    def visit(self, node: Node, around: _Around) -> list[Step]:
        """Collect the steps of a node; gives those that run in its place (not those inside its words)."""
        if around.depth > MAX_DEPTH:
            raise TooComplex("nested too deeply to be judged")
        kind = node.type
        if kind == "comment" or not node.is_named or not node.child_count:
            return []
        around = _Around(around.frame, around.upstream, around.stdin, around.chained, around.depth + 1)
        if kind == "command":
            return [self.command(node, around)]
        method = getattr(self, "visit_" + kind, None)
        if method is not None:
            found: list[Step] = method(node, around)
            return found
        return self.children(node, around)

    def children(self, node: Node, around: _Around) -> list[Step]:
        steps: list[Step] = []
        for child in node.children:
            if child.type in _CASE_ENDS and node.type != "case_item":
                self.script.broken = True
            steps += self.visit(child, around)
        return steps

    def sub(self, around: _Around) -> _Around:
        self.frames += 1
        return replace(around, frame=(*around.frame, self.frames))

    # Structure

    def visit_list(self, node: Node, around: _Around) -> list[Step]:
        steps: list[Step] = []
        inside = around
        for child in node.children:
            if child.is_named:
                steps += self.visit(child, inside)
            else:
                inside = replace(around, chained=child.type == "&&")
        return steps

    def visit_pipeline(self, node: Node, around: _Around) -> list[Step]:
        steps: list[Step] = []
        for child in node.children:
            if child.is_named:
                steps += self.visit(child, replace(around, upstream=around.upstream + tuple(steps)))
        return steps

    def visit_subshell(self, node: Node, around: _Around) -> list[Step]:
        return self.children(node, self.sub(around))

    def visit_command_substitution(self, node: Node, around: _Around) -> list[Step]:
        self.script.broken |= ends_earlier(self.source[node.start_byte : node.end_byte])
        return self.children(node, replace(self.sub(around), upstream=(), stdin=()))

    visit_process_substitution = visit_command_substitution

    def visit_function_definition(self, node: Node, around: _Around) -> list[Step]:
        field_name = node.child_by_field_name("name")
        name = "" if field_name is None else self.text(field_name.start_byte, field_name.end_byte)
        self.script.functions.add(name)
        self.script.repeats = True
        before = len(self.script.steps)
        steps = self.children(node, replace(around, chained=False))
        calls = [step for step in self.script.steps[before:] if step.words and step.words[0].text == name]
        if len(calls) > 1:
            self.script.bomb = True
        return steps

    def _repeating(self, node: Node, around: _Around) -> list[Step]:
        self.script.repeats = True
        return self.children(node, replace(around, chained=False))

    visit_while_statement = _repeating

    def visit_c_style_for_statement(self, node: Node, around: _Around) -> list[Step]:
        self.quoted_code(node)
        self.missed([node], document=True)
        return self._repeating(node, around)

    def visit_for_statement(self, node: Node, around: _Around) -> list[Step]:
        """The loop variable takes each of the words: kept as an assignment so that the body can be read with them."""
        body = [child for child in node.children if child.type in {"do_group", "compound_statement"}]
        name = node.child_by_field_name("variable")
        words = [
            child
            for child in node.children
            if child.is_named and child not in body and child != name and child.type != "comment"
        ]
        values = self.words(words, around)
        if name is not None:
            label = self.text(name.start_byte, name.end_byte)
            has_list = any(child.type == "in" for child in node.children)
            assign = Assign(label, tuple(values) if has_list else (Word("$@"),))
            self.emit(Step("for " + label, "loop", assigns=(assign,), frame=around.frame))
        self.script.repeats = True
        steps: list[Step] = []
        for child in body:
            steps += self.visit(child, replace(around, chained=False))
        return steps

    def visit_redirected_statement(self, node: Node, around: _Around) -> list[Step]:
        body = [child for child in node.children if child.type not in _REDIRECTS and child.is_named]
        redirects: list[Redirect] = []
        extra: list[Word] = []
        tails: list[Node] = []
        for child in node.children:
            if child.type in _REDIRECTS:
                self.redirect(child, around, redirects, extra, tails)
        if len(body) == 1 and body[0].type == "command":
            steps = [self.command(body[0], around, redirects, extra)]
        elif body and body[0].type in _CHAINS:
            # The grammar hangs the redirection on the whole chain; for the shell it belongs to the last command alone.
            steps = [step for child in body for step in self.visit(child, around)]
            self.redirect_last(node, body[-1], steps, redirects, extra, around)
        else:
            feeds = tuple(item for item in redirects if item.body is not None or item.op.startswith("<"))
            whole = Step(self.text(node.start_byte, node.end_byte), "redirect", tuple(extra), (), tuple(redirects))
            whole.frame, whole.upstream = around.frame, around.upstream
            self.emit(whole)
            steps = [whole]
            for child in body:
                steps += self.visit(child, replace(around, stdin=around.stdin + feeds))
        for tail in tails:  # what stands after << on the same line is fed by this statement, or follows it
            steps += self.visit(tail, replace(around, upstream=around.upstream + tuple(steps), chained=False))
        return steps

    def redirect_last(
        self, whole: Node, chain: Node, steps: list[Step], redirects: list[Redirect], extra: list[Word], around: _Around
    ) -> None:
        last = chain
        while last.type in _CHAINS and last.named_child_count:
            last = last.named_children[-1]
        if steps and last.type == "command":
            steps[-1].redirects += tuple(redirects)
            steps[-1].words += tuple(extra)
            return
        step = Step(self.text(whole.start_byte, whole.end_byte), "redirect", tuple(extra), (), tuple(redirects))
        step.frame, step.upstream, step.chained = around.frame, (*around.upstream, *steps), True
        self.emit(step)
        for inner in steps:  # what stands in a compound last command reads from there, too
            inner.redirects += tuple(item for item in redirects if item.body is not None or item.op.startswith("<"))

    def visit_file_redirect(self, node: Node, around: _Around) -> list[Step]:
        """A redirection without a command: ``$(< file)``."""
        redirects: list[Redirect] = []
        extra: list[Word] = []
        self.redirect(node, around, redirects, extra, [])
        step = Step(self.text(node.start_byte, node.end_byte), "redirect", tuple(extra), (), tuple(redirects))
        step.frame, step.upstream, step.chained = around.frame, around.upstream, around.chained
        return [self.emit(step)]

    visit_herestring_redirect = visit_file_redirect

    def visit_test_command(self, node: Node, around: _Around) -> list[Step]:
        self.quoted_code(node)
        self.missed([node])
        inner = self.inner(node, around)
        return [
            self.emit(Step(self.text(node.start_byte, node.end_byte), "test", (Word("", inner),), frame=around.frame))
        ]

    def visit_arithmetic_expansion(self, node: Node, around: _Around) -> list[Step]:
        self.quoted_code(node)
        self.missed([node], document=True)
        return self.children(node, around)

    def visit_compound_statement(self, node: Node, around: _Around) -> list[Step]:
        if node.children[0].type == "((":
            return self.visit_arithmetic_expansion(node, around)
        return self.children(node, around)

    def quoted_code(self, node: Node) -> None:
        self.script.hidden_code |= evaluated_later(self.text(node.start_byte, node.end_byte))

    # Simple commands

    def emit(self, step: Step) -> Step:
        self.script.steps.append(step)
        return step

    def command(
        self, node: Node, around: _Around, redirects: Iterable[Redirect] = (), extra: Iterable[Word] = ()
    ) -> Step:
        own = list(redirects)
        late = list(extra)
        tails: list[Node] = []
        parts: list[Node] = []
        assigns: list[Assign] = []
        for child in node.children:
            if child.type in _REDIRECTS:
                self.redirect(child, around, own, late, tails)
            elif child.type == "variable_assignment":
                assigns.append(self.assign(child, around))
            elif child.type != "comment":
                # After == and =~ the grammar reads a pattern even outside [[, and takes what follows along with it.
                self.script.broken |= child.type == "regex"
                parts.append(child)
        step = Step(self.text(node.start_byte, node.end_byte), "command")
        step.words = (*self.words(parts, around), *late)
        step.assigns = tuple(assigns)
        step.redirects = tuple(own) + around.stdin
        step.upstream, step.frame, step.chained = around.upstream, around.frame, around.chained
        self.emit(step)
        for tail in tails:
            self.visit(tail, replace(around, upstream=(*around.upstream, step), chained=False))
        return step

    def words(self, nodes: list[Node], around: _Around) -> list[Word]:
        """Join what touches: where the grammar cuts ``$"a"b`` in pieces, the shell still reads one word."""
        groups: list[list[Node]] = []
        for node in nodes:
            if groups and groups[-1][-1].end_byte == node.start_byte:
                groups[-1].append(node)
            else:
                groups.append([node])
        if len(groups) > MAX_WORDS:
            raise TooComplex(f"more than {MAX_WORDS} arguments in one command")
        words = []
        for group in groups:
            inner: tuple[Step, ...] = ()
            for node in group:
                if node.child_count:
                    inner += self.inner(node, around)
            self.missed(group)
            words.append(Word(self.text(group[0].start_byte, group[-1].end_byte), inner))
        return words

    def missed(self, nodes: list[Node], *, document: bool = False) -> None:
        self.script.broken |= unseen(nodes, self.source, document=document)

    def inner(self, node: Node, around: _Around) -> tuple[Step, ...]:
        """The steps of every substitution somewhere inside a word."""
        if around.depth > MAX_DEPTH:
            raise TooComplex("nested too deeply to be judged")
        if node.type in SUBSTITUTIONS:
            return tuple(self.visit(node, around))
        if node.type in _WORDS_OF_TEST:
            self.quoted_code(node)
            self.missed([node], document=node.type != "test_command")
        found: tuple[Step, ...] = ()
        deeper = replace(around, depth=around.depth + 1)
        for child in node.children:
            if child.child_count:
                found += self.inner(child, deeper)
        return found

    def assign(self, node: Node, around: _Around) -> Assign:
        name = node.child_by_field_name("name")
        value = node.child_by_field_name("value")
        label = "" if name is None else self.text(name.start_byte, name.end_byte)
        base = label.split("[", 1)[0]
        simple = base == label and not any(child.type == "+=" for child in node.children)
        inner: tuple[Step, ...] = ()
        if name is not None and name.child_count:
            inner = self.inner(name, around)
            self.quoted_code(name)
        if value is None:
            return Assign(base, (Word("", inner),), simple)
        if value.type == "array":
            words = self.words([child for child in value.children if child.is_named], around)
            return Assign(base, (*words, Word("", inner)), False)
        first = self.words([child for child in node.children if child.start_byte >= value.start_byte], around)
        return Assign(base, (*first, Word("", inner)) if inner else tuple(first), simple)

    def visit_variable_assignment(self, node: Node, around: _Around) -> list[Step]:
        return self.assignments([node], node, around)

    def visit_variable_assignments(self, node: Node, around: _Around) -> list[Step]:
        return self.assignments([child for child in node.children if child.is_named], node, around)

    def assignments(self, nodes: list[Node], whole: Node, around: _Around) -> list[Step]:
        assigns = tuple(self.assign(child, around) for child in nodes if child.type == "variable_assignment")
        step = Step(self.text(whole.start_byte, whole.end_byte), "assign", assigns=assigns)
        step.frame, step.chained = around.frame, around.chained
        return [self.emit(step)]

    def visit_declaration_command(self, node: Node, around: _Around) -> list[Step]:
        assigns, plain = [], []
        for child in node.children:
            if child.type == "variable_assignment":
                assigns.append(self.assign(child, around))
            elif child.type not in _REDIRECTS:
                plain.append(child)
        step = Step(self.text(node.start_byte, node.end_byte), "declare", tuple(self.words(plain, around)))
        step.assigns, step.frame, step.chained = tuple(assigns), around.frame, around.chained
        return [self.emit(step)]

    visit_unset_command = visit_declaration_command

    # Redirections

    def redirect(self, node: Node, around: _Around, into: list[Redirect], extra: list[Word], tails: list[Node]) -> None:
        if node.type == "heredoc_redirect":
            self.heredoc(node, around, into, extra, tails)
            return
        operator, descriptor = "", ""
        rest: list[Node] = []
        for child in node.children:
            if child.type == "file_descriptor":
                descriptor = self.text(child.start_byte, child.end_byte)
            elif not rest and not operator and not child.is_named:
                operator = child.type
            elif child.is_error and not rest:
                operator += self.text(child.start_byte, child.end_byte)
            else:
                rest.append(child)
        words = self.words(rest, around)
        if not words:
            return
        if node.type == "herestring_redirect":
            into.append(Redirect("<<<", descriptor, words[0], words[0].text))
        else:
            into.append(Redirect(operator, descriptor, words[0]))
        extra.extend(words[1:])

    def heredoc(self, node: Node, around: _Around, into: list[Redirect], extra: list[Word], tails: list[Node]) -> None:
        delimiter, body = "", ""
        inner: tuple[Step, ...] = ()
        late: list[Node] = []
        bodies: list[Node] = []
        for child in node.children:
            if child.type == "heredoc_start":
                delimiter = self.text(child.start_byte, child.end_byte)
            elif child.type == "heredoc_body":
                body = self.text(child.start_byte, child.end_byte)
                inner = self.inner(child, around)
                bodies.append(child)
            elif child.type in _REDIRECTS:
                self.redirect(child, around, into, extra, tails)
            elif child.type in _TAILS:
                tails.append(child)
            elif child.type not in {"heredoc_end", "file_descriptor"} and child.is_named:
                late.append(child)
        extra.extend(self.words(late, around))
        if bodies and not any(mark in delimiter for mark in "'\"\\"):
            self.missed(bodies, document=True)
        quoted = any(mark in delimiter for mark in "'\"\\")
        into.append(Redirect("<<", "", Word(delimiter, inner), body, quoted))
