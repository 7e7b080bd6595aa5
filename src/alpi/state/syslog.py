"""An audit line as a syslog message (RFC 5424) with structured data, for collectors that know nothing of alpi."""

from __future__ import annotations

from typing import Any

import msgspec

from ..base.text import escaped

AUDIT = 13 << 3
"""The facility "log audit" (RFC 5424, table 1), shifted to where the severity is added."""
ALERT, WARNING, NOTICE = 1, 4, 5
ELEMENT = "approval@32473"
"""The name of the structured data; 32473 is the number that RFC 5612 sets aside for whoever has none of their own."""
PERMITTED = ("once", "session", "always", "covered", "allowed")
"""How the decisions that permitted something begin."""
SHOWN = 1000
PARAMS = ("seq", "session", "surface", "asker", "tool", "tier", "decision", "scope", "prev", "hash")
BOM = "\ufeff"
"""Says that the message is UTF-8 (RFC 5424, section 6.4)."""


def syslog_line(raw: bytes, place: str, host: str = "-") -> str:
    """One message for one line. A line that cannot be read becomes an alert that names its ``place``."""
    try:
        record = msgspec.json.decode(raw, type=dict[str, Any])
        time = str(record["time"])
    except (msgspec.DecodeError, KeyError):
        return f"<{AUDIT + ALERT}>1 - {_name(host, 255)} alpi - approval - {BOM}{place} cannot be read"
    severity = NOTICE if str(record.get("decision")).startswith(PERMITTED) else WARNING
    params = " ".join(f'{name}="{_value(record[name])}"' for name in PARAMS if record.get(name) not in (None, ""))
    message = (
        f"{record.get('decision', '')} {record.get('tier', '')}: {record.get('what', '')} ({record.get('reason', '')})"
    )
    header = f"<{AUDIT + severity}>1 {_name(time, 40)} {_name(host, 255)} alpi - approval"
    return f"{header} [{ELEMENT} {params}] {BOM}{_one_line(message)}"


def _name(text: str, longest: int) -> str:
    """A header field: printable ASCII without spaces, or the nil value."""
    return "".join(c for c in text if "!" <= c <= "~")[:longest] or "-"


def _value(value: object) -> str:
    """A parameter's value: ``"``, ``\\`` and ``]`` are escaped (RFC 5424, section 6.3.3)."""
    return _one_line(str(value)).replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


def _one_line(text: str) -> str:
    text = escaped(text.replace("\n", "\\n").replace("\t", "\\t"))
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
