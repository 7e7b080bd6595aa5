"""What a person is shown of a server before they say yes, in full or what has changed, and what is kept after it. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from ..base.schema import McpServerConfig
from ..base.text import escaped
from .pins import Pins, diff_text, difference, shown
from .reviewing import Looked, Reviewed, approved


@dataclass(frozen=True)
class Proposal:
    """What a server offers now, beside what was approved ``before`` of the same server (``None``: nothing)."""

    name: str
    config: McpServerConfig
    looked: Looked
    before: Pins | None = None

    @property
    def same(self) -> bool:
        """It offers what was approved."""
        before = self.before
        return before is not None and not difference(before.tools, [one.offer for one in self.looked.reviewed])

    @property
    def fresh(self) -> list[Reviewed]:
        """What the person has to say yes to."""
        return [one for one in self.looked.reviewed if self._is_new(one)]

    @property
    def lines(self) -> list[str]:
        """All of it where nothing was approved, else the difference; safe to print."""
        return _all_lines(self.looked) if self.before is None else _changes(self.before, self.looked)

    @property
    def plain(self) -> frozenset[str]:
        """Of what is fresh, the tools that one yes to all covers."""
        return frozenset(one.offer.name for one in self.fresh if not one.refused and not one.flag)

    @property
    def suspicious(self) -> list[Reviewed]:
        """Of what is fresh, the tools that need a yes each."""
        return [one for one in self.fresh if one.flag and not one.refused]

    def pins(self, chosen: Collection[str], when: datetime) -> Pins:
        """What is kept: the chosen of what is fresh, and what was in use before and is the same."""
        kept = {pin.offer.name for pin in self.before.tools if pin.use} if self.before is not None else set()
        kept &= {one.offer.name for one in self.looked.reviewed if not self._is_new(one)}
        used = frozenset(chosen) | kept
        return approved(self.name, self.config, self.looked.reviewed, used, when, self.looked.inside, self.before)

    def _is_new(self, one: Reviewed) -> bool:
        pin = self.before.find(one.offer.name) if self.before is not None else None
        return pin is None or pin.digest != one.offer.digest


def about(name: str, config: McpServerConfig) -> list[str]:
    """What would be run or reached, in lines that are safe to print. Secrets are names here."""
    lines = [f"{name}:", f"  {'address' if config.url else 'runs'}    {config.url or shlex.join(config.command)}"]
    lines += [f"  variable  {key}={value}" for key, value in config.environment.items()]
    lines += [f"  header    {key}: {value}" for key, value in config.headers.items()]
    lines += [f"  may write {folder}" for folder in config.folders]
    lines += [f"  sandbox   {config.sandbox}"] if config.sandbox else []
    return [escaped(line) for line in lines]


def _all_lines(looked: Looked) -> list[str]:
    lines = [f"  it is     {looked.about}{looked.weakness}", ""]
    lines.append(f"It offers {len(looked.reviewed)} tools. This is all that a model will be told of them:")
    for one in looked.reviewed:
        lines += ["", escaped(shown(one.offer)), *_marks(one)]
    return [*lines, ""]


def _changes(before: Pins, looked: Looked) -> list[str]:
    now = {one.offer.name: one for one in looked.reviewed}
    lines: list[str] = []
    for pin in before.tools:
        one = now.get(pin.offer.name)
        if one is None or one.offer.digest != pin.digest:
            lines += ["", escaped(diff_text(pin.offer, one.offer if one is not None else None))]
            lines += _marks(one) if one is not None else []
            lines += ["You had said that it only reads; that ends here."] if before.reads(pin) else []
    for one in looked.reviewed:
        if before.find(one.offer.name) is None:
            lines += ["", escaped(diff_text(None, one.offer)), *_marks(one)]
    return [*lines, ""]


def _marks(one: Reviewed) -> list[str]:
    marks = (("REFUSED", one.refused), ("SUSPICIOUS", one.flag), ("note", one.note))
    return [escaped(f"{word}: {text}") for word, text in marks if text]
