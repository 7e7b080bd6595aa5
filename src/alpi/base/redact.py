"""Secrets, known by value and by shape, taken out of whatever is written, shown to a model or sent."""

from __future__ import annotations

import base64
import json
import re
import urllib.parse
from collections.abc import Mapping

# A value shorter than this is not searched for: replacing "1234" everywhere would garble more than it hides.
SHORTEST = 6

# The two characters in which the base64 of URLs and file names differs from the plain one.
URL_SAFE = str.maketrans("+/", "-_")

# Shapes that issuers document for their own tokens. Each has a fixed prefix, so that ordinary text does not match.
SHAPES = (
    r"sk-(?:proj-|ant-|or-|svcacct-)?[A-Za-z0-9_-]{20,}",
    r"gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,}",
    r"glpat-[A-Za-z0-9_-]{20,}",
    r"xox[abeprs]-[A-Za-z0-9-]{10,}",
    r"A(?:KIA|SIA)[A-Z0-9]{16}",
    r"AIza[A-Za-z0-9_-]{35}",
    r"gsk_[A-Za-z0-9]{40,}|xai-[A-Za-z0-9]{40,}|hf_[A-Za-z0-9]{30,}|npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50,}",
    r"[0-9]{8,10}:AA[A-Za-z0-9_-]{32,}",
    r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    r"AGE-SECRET-KEY-1[A-Z0-9]{50,}",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[^-]|-(?!----END))*(?:-----END [A-Z ]*PRIVATE KEY-----)?",
)


class Redactor:
    """Replaces secrets in text. Built once for a profile, from the values of its ``.env``.

    Args:
        secrets: name to value. Each value is also looked for as JSON, URLs and base64 (at any offset) would write it.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._names: dict[str, str] = {}
        for name, value in secrets.items():
            if len(value.strip()) >= SHORTEST:
                for form in _forms(value.strip()):
                    self._names.setdefault(form, name)
        longest_first = sorted(self._names, key=len, reverse=True)
        self._values = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
        self._shapes = re.compile(r"(?<![A-Za-z0-9_])(?:" + "|".join(SHAPES) + ")")

    def __call__(self, text: str) -> str:
        """The same text with each secret replaced by ``[secret NAME]`` or, where only its shape is known, ``[secret]``."""
        if self._values is not None:
            text = self._values.sub(lambda match: f"[secret {self._names[match.group()]}]", text)
        return self._shapes.sub("[secret]", text)


def _forms(value: str) -> set[str]:
    forms = {value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    quoted = {urllib.parse.quote(value, safe=""), urllib.parse.quote(value), urllib.parse.quote_plus(value)}
    forms |= quoted | {re.sub("%[0-9A-F]{2}", lambda match: match.group().lower(), form) for form in quoted}
    # In base64 a value looks different at each of three offsets; the characters shared with its neighbours are left out.
    data = value.encode()
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + data).decode().rstrip("=")
        first = (0, 2, 3)[shift]
        last = len(encoded) - (0 if (shift + len(data)) % 3 == 0 else 1)
        if last - first >= 12:
            forms |= {encoded[first:last], encoded[first:last].translate(URL_SAFE)}
    return {form for form in forms if len(form) >= SHORTEST}
