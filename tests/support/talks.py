"""Sessions as files for tests of searching, and the search itself done the plain way: every file read, every turn judged."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alpi.state.search.turns import read_talk
from alpi.state.search.words import parse_query

BEGIN = datetime(2026, 10, 1, 12, tzinfo=UTC)


def header(id: str, surface: str = "chat", version: int = 1) -> bytes:
    """The first line of a session."""
    record = {"record": "session", "version": version, "id": id, "surface": surface, "created": BEGIN.isoformat()}
    return json.dumps(record).encode() + b"\n"


def said(role: str, id: str, text: str, hours: float = 0, **fields: object) -> bytes:
    """One message's line, so many hours after the beginning."""
    time = (BEGIN + timedelta(hours=hours)).isoformat()
    more = {"call_id": "c", "name": "read_file"} if role == "tool" else {}
    record = {"record": "message", "role": role, "id": id, "time": time, "text": text, **more, **fields}
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"


def talk(id: str, *turns: tuple[str, str], hours: float = 0, surface: str = "chat") -> bytes:
    """A session of questions and answers; the messages are called ``<id>-0q``, ``<id>-0a``, ``<id>-1q``, an hour a turn."""
    lines = [header(id, surface)]
    for number, (question, answer) in enumerate(turns):
        lines.append(said("user", f"{id}-{number}q", question, hours + number))
        lines.append(said("assistant", f"{id}-{number}a", answer, hours + number))
    return b"".join(lines)


def put(folder: Path, id: str, *turns: tuple[str, str], hours: float = 0, surface: str = "chat") -> Path:
    """The same as a file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{id}.jsonl"
    path.write_bytes(talk(id, *turns, hours=hours, surface=surface))
    return path


def plain_search(
    folder: Path,
    query: str,
    limit: int = 10,
    exclude: str = "",
    since: float = float("-inf"),
    until: float = float("inf"),
) -> list[tuple[str, str]]:
    """What a search must find: session and message, best first."""
    wanted = parse_query(query)
    found = []
    for path in folder.glob("*.jsonl"):
        talk = read_talk(path.read_bytes())
        if path.stem == exclude or talk.surface in ("peer", "alp"):
            continue
        for turn in talk.turns:
            line = turn.line()
            score = wanted.score(line, 0, len(line)) if wanted.terms else (0, 0)
            time = int(turn.time.timestamp())
            if score is not None and since <= time < until:
                found.append(((*score, time, path.stem, turn.begin), (path.stem, turn.id)))
    return [place for _, place in sorted(found, reverse=True)[:limit]]
