"""Setup under ``kill -9``: settings and keys are whole at every moment, and a key is there before what needs it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from alpi.base.config import load_config
from alpi.base.dotenv import load_env

SAVES = """
import itertools, sys
from pathlib import Path
from alpi.base.paths import profile_paths
from alpi.setup.write import Change, save
paths = profile_paths(None, {"ALPI_HOME": sys.argv[1]})
for number in itertools.count(int(sys.argv[2]) * 1_000_000):
    changes = [Change(("model",), f"box/m{number}"), Change(("limits", "steps"), 1 + number % 500)]
    save(paths, changes, {"BOX_API_KEY": f"sk-{number}"})
    print(number, flush=True)
"""


@pytest.mark.slow
def test_a_key_is_never_missing_and_no_file_is_half_written(tmp_path: Path) -> None:
    rng = random.Random(5)
    (tmp_path / "config.yaml").write_text("# mine\n")
    for round in range(12):
        child = subprocess.Popen(
            [sys.executable, "-c", SAVES, str(tmp_path), str(round)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        first = child.stdout.readline()
        assert first, "it did not start"
        time.sleep(rng.uniform(0.0, 0.15))
        os.kill(child.pid, signal.SIGKILL)
        acknowledged = [int(line) for line in (first + child.stdout.read()).splitlines() if line]
        child.wait()
        config = load_config(tmp_path / "config.yaml").config
        number = int(config.model.removeprefix("box/m"))
        assert number >= acknowledged[-1], "what was acknowledged is there"
        assert config.limits.steps == 1 + number % 500, "both settings or none"
        assert int(load_env(tmp_path / ".env")["BOX_API_KEY"].removeprefix("sk-")) >= number, "the key came first"
        assert (tmp_path / "config.yaml").read_text().startswith("# mine\n")
