"""The link protocol under mutated bytes: documented outcomes only, no answer to strangers, memory flat."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.alp import SHARES, run

ROOT = Path(__file__).resolve().parents[2]
WHOLE = """
import json, sys
from tests.fuzz.alp import peak_mib, run
count, seed = int(sys.argv[1]), int(sys.argv[2])
run(5000, seed)
before = peak_mib()
found = run(count, seed + 1)
print(json.dumps([dict(found), before, peak_mib()]))
"""


def test_a_sample_of_twenty_thousand() -> None:
    found = run(20_000, 7)
    assert sum(share for _, share in SHARES) == pytest.approx(1)
    # The mutations reach every stage: what is dropped early, what is dropped late, and what gets through.
    for name in (
        "BAD_SHAPE",
        "NOT_PINNED",
        "SIGNATURE",
        "VERSION",
        "Refused",
        "Admitted",
        "Broken",
        "EnvelopeArrived",
        "HandshakeDone",
    ):
        assert found[name] > 0, (name, found)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_million() -> None:
    """In two processes, because that is how many cores there may be; each says how much memory it had before and after."""
    import json

    started = [
        subprocess.Popen([sys.executable, "-c", WHOLE, "500000", str(seed)], cwd=ROOT, stdout=subprocess.PIPE)
        for seed in (100, 200)
    ]
    for process in started:
        output, _ = process.communicate()
        assert process.returncode == 0
        found, before, after = json.loads(output)
        assert sum(found.values()) > 500_000
        # The replay window and the rates fill up to their bounds; nothing else may stay.
        assert after - before < 40, (before, after)
