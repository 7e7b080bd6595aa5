"""The best turns of a query: looks up where its words stand, and judges those turns first that have most of them and are newest."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from functools import reduce
from itertools import chain
from operator import and_
from os import fstat

from msgspec import Struct

from ...base.errors import SessionError
from .files import Gone, Segment, opened, state_of
from .words import EXACT_SAID, Query, Term

# A candidate is one number: its time, the number of its segment, its own number there.
NUMBER_BITS = 32


class Wanted(Struct, frozen=True):
    """What a search is for. Times are seconds since 1970; ``until`` is the first that is too late."""

    query: Query
    limit: int
    exclude: str = ""
    since: float = float("-inf")
    until: float = float("inf")


class Ranking:
    """Collects the best turns of one search.

    Args:
        segments: where to search, by number.
        masks: for each segment and turn whether it may be found.
        owner: the name of the session that a turn (segment, number) belongs to.
        stopped: asked now and then.
    """

    def __init__(
        self,
        segments: Mapping[int, Segment],
        masks: Mapping[int, bytearray],
        wanted: Wanted,
        owner: Callable[[int, int], str],
        stopped: Callable[[], bool],
    ) -> None:
        self._segments = segments
        self._masks = masks
        self._wanted = wanted
        self._owner = owner
        self._stopped = stopped
        self._files: dict[int, int] = {}
        self._heap: list[tuple[tuple[int, int, int, str, int], int, int]] = []

    def best(self) -> list[tuple[int, int]]:
        """The best turns, best first: segment, number of the turn in it. More words of the query come before fewer, then what fits
        better, then what is newer.

        Raises:
            SessionError: it was stopped.
            Gone: a segment is not there any more.
        """
        if self._wanted.limit > 0:
            with ExitStack() as stack:
                for number, segment in self._segments.items():
                    self._files[number] = stack.enter_context(opened(segment.path))
                    if state_of(fstat(self._files[number])) != segment.state:
                        raise Gone
                for turns in self._levels():
                    self._judge(turns)
                    if len(self._heap) >= self._wanted.limit:
                        break
        return [(number, turn) for _, number, turn in sorted(self._heap, reverse=True)]

    def _levels(self) -> Iterator[Mapping[int, Iterable[int]]]:
        """The turns that may be hits, by segment: those with all words first, then those that lack one, and so on."""
        terms = [term for term in self._wanted.query.terms if not term.weak]
        if not terms:
            yield {number: range(segment.row.turns) for number, segment in self._segments.items()}
            return
        # Phrases must be there; how many of the words are, makes the level.
        base: dict[int, set[int] | None] = {}
        words: dict[int, list[set[int]]] = {}
        for number, segment in self._segments.items():
            found = [(term.required, _turns(segment, self._files[number], term)) for term in terms]
            required = [turns for required, turns in found if required]
            base[number] = reduce(and_, required) if required else None
            words[number] = [turns for required, turns in found if not required]
        most, least = sum(not term.required for term in terms), int(not any(term.required for term in terms))
        yield {n: reduce(and_, words[n] + [turns for turns in (base[n],) if turns is not None]) for n in base}
        counts = {number: Counter(chain.from_iterable(words[number])) for number in base}
        for level in range(most - 1, least - 1, -1):
            yield {
                number: [
                    turn for turn in (count if base[number] is None else base[number] or ()) if count[turn] == level
                ]
                for number, count in counts.items()
            }

    def _judge(self, turns: Mapping[int, Iterable[int]]) -> None:
        """Judge the turns of one level, the newest first, until no other can be among the best."""
        query, limit, since, until = self._wanted.query, self._wanted.limit, self._wanted.since, self._wanted.until
        candidates: list[int] = []
        for number, chosen in turns.items():
            mask, times = self._masks[number], self._segments[number].times
            candidates += [
                -((times[turn] << NUMBER_BITS | number) << NUMBER_BITS | turn)
                for turn in chosen
                if mask[turn] and since <= times[turn] < until
            ]
        heapq.heapify(candidates)
        while candidates:
            candidate = -heapq.heappop(candidates)
            place, turn = divmod(candidate, 1 << NUMBER_BITS)
            time, number = divmod(place, 1 << NUMBER_BITS)
            # What came from a level before has more words, however they fit.
            bound = (EXACT_SAID * len(query.terms), time)
            if len(self._heap) >= limit and bound < self._heap[0][0][1:3]:
                break
            if not len(candidates) & 0xFF and self._stopped():
                raise SessionError("the search was stopped", "Ask again")
            score: tuple[int, int] | None = (0, 0)
            if query.terms:
                line = self._segments[number].line(self._files[number], turn)
                score = query.score(line, 0, len(line))
            if score is not None:
                self._add(score, time, number, turn)

    def _add(self, score: tuple[int, int], time: int, number: int, turn: int) -> None:
        entry = ((*score, time, self._owner(number, turn), self._segments[number].begins[turn]), number, turn)
        if len(self._heap) < self._wanted.limit:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)


def _turns(segment: Segment, descriptor: int, term: Term) -> set[int]:
    """The turns of a segment that have all words of a term."""
    if term.most:
        return segment.turns_with(descriptor, term.needle, term.fits)
    return reduce(and_, (segment.turns_with(descriptor, part, lambda line, at: True) for part in term.parts))
