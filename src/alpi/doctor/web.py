"""What the web tools need: a search engine that answers, and the browser."""

from __future__ import annotations

from ..base.errors import AlpiError
from . import Finding, Subject

QUERY = "weather"


def check_web(subject: Subject) -> list[Finding]:
    """Search for something harmless, and look for the browser."""
    if subject.web is None:
        return [Finding("ok", "not looked at")]
    name = subject.settings.web.search
    findings = []
    try:
        count = subject.web.search(QUERY)
    except AlpiError as error:
        findings.append(Finding("warning", f"web_search ({name}): {error.message}", error.hint))
    else:
        nothing = Finding("warning", f"web_search ({name}) finds nothing", "Another engine: docs/WEB.md")
        findings.append(Finding("ok", f"web_search ({name}) answers") if count else nothing)
    program = subject.web.browser()
    if program:
        findings.append(Finding("ok", f"the browser tool uses {program}"))
    elif subject.closely:
        findings.append(Finding("warning", "the browser tool is not offered", f"Install it: {subject.web.missing()}"))
    return findings
