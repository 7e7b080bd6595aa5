"""Locking with the real pip against the machine's package index, and what is refused while environments are made."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from alpi.skills.format import SkillError
from alpi.skills.locking import WHOLE, Environments
from alpi.skills.scripts import locked_packages

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Environments:
    return Environments(tmp_path_factory.mktemp("cache"), dict(os.environ))


def test_a_lock_is_exact_and_holds_what_is_needed_by_others(environments: Environments) -> None:
    lock = asyncio.run(environments.lock(["python-dateutil==2.9.0.post0"]))
    packages = dict(locked_packages(lock))
    assert packages["python-dateutil"] == "2.9.0.post0" and "six" in packages
    assert "://" not in lock
    python = asyncio.run(environments.make(lock))
    assert environments.ready(lock) == python == asyncio.run(environments.make(lock))
    done = subprocess.run([python, "-c", "import dateutil, six"], check=False)
    assert done.returncode == 0


def test_a_wrong_hash_is_refused(environments: Environments) -> None:
    lock = "six==1.16.0 --hash=sha256:" + "0" * 64 + "\n"
    with pytest.raises(SkillError, match="cannot be had"):
        asyncio.run(environments.make(lock))
    assert environments.ready(lock) is None


def test_what_is_not_there_is_named(environments: Environments) -> None:
    with pytest.raises(SkillError, match="cannot be had"):
        asyncio.run(environments.lock(["six==0.0.0.1"]))


def test_a_lock_with_an_option_is_never_given_to_pip(environments: Environments) -> None:
    with pytest.raises(SkillError, match="no version with its hash"):
        asyncio.run(environments.make("--extra-index-url https://x.example\n"))


def test_a_dependency_that_runs_unasked_is_refused(environments: Environments, tmp_path: Path) -> None:
    """A wheel that is made here, with an ``x_init.pth`` in it, as a hijacked package would bring it."""
    import base64
    import hashlib
    import zipfile

    files = {
        "evil_pkg.py": b"x = 1\n",
        "x_init.pth": b"import os; os.environ.setdefault('OWNED', '1')\n",
        "evil_pkg-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: evil-pkg\nVersion: 1.0\n",
        "evil_pkg-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    wheel = tmp_path / "evil_pkg-1.0-py3-none-any.whl"
    record = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}\n"
        for name, data in files.items()
    )
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in {**files, "evil_pkg-1.0.dist-info/RECORD": record.encode()}.items():
            archive.writestr(name, data)
    own = Environments(tmp_path / "cache", {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)})
    lock = f"evil-pkg==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"
    with pytest.raises(SkillError, match=r"x_init\.pth, which runs code whenever Python starts"):
        asyncio.run(own.make(lock))
    assert own.ready(lock) is None
    assert not list((tmp_path / "cache").rglob(WHOLE))
