"""Files for tools are judged on what was really opened: a link that is swapped in between changes nothing."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from alpi.base.errors import Refused, StorageError
from alpi.safety.guarded import FileState, GuardedFiles, descriptor_path
from alpi.safety.paths import Access, PathGuard
from tests.support.disks import no_larger_than

MOST_TRIES = 20_000


class Place:
    """A home with a key in it, a workspace, and a folder outside."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.workspace = folder / "ws"
        self.outside = folder / "outside"
        for made in (self.home / ".ssh", self.home / ".alpi", self.workspace, self.outside):
            made.mkdir(parents=True)
        self.key = self.home / ".ssh" / "id_rsa"
        self.key.write_text("PRIVATE")
        self.guard = PathGuard(self.workspace, self.home, self.home / ".alpi", self.home / ".alpi")
        self.asked: list[tuple[Path, Access]] = []
        self.files = GuardedFiles(self.guard, self._allowed)
        self.may = False

    def _allowed(self, path: Path, access: Access) -> bool:
        self.asked.append((path, access))
        return self.may


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def state_of(path: Path) -> FileState:
    found = path.stat()
    return FileState(found.st_size, found.st_mtime_ns, found.st_ino)


def test_reading_gives_content_real_path_and_state(place: Place) -> None:
    path = place.workspace / "a"
    path.write_text("hello")
    (place.workspace / "link").symlink_to("a")
    assert place.files.read(place.workspace / "link", 100) == (b"hello", path, state_of(path))
    assert place.files.read(path, 2)[0] == b"he"


def test_what_was_opened_is_judged_and_not_its_name(place: Place) -> None:
    (place.workspace / "innocent").symlink_to(place.key)
    with pytest.raises(Refused, match=r"~/\.ssh/id_rsa is where credentials are kept"):
        place.files.read(place.workspace / "innocent", 100)


def test_a_yes_is_asked_of_the_gate_for_what_was_opened(place: Place) -> None:
    secret = place.workspace / ".env"
    secret.write_text("KEY=1")
    (place.workspace / "link").symlink_to(".env")
    with pytest.raises(Refused, match="looks like a file of secrets"):
        place.files.read(place.workspace / "link", 100)
    place.may = True
    assert place.files.read(place.workspace / "link", 100)[0] == b"KEY=1"
    assert place.asked == [(secret, "read")] * 2


def test_a_yes_does_not_open_what_is_dangerous(place: Place) -> None:
    place.may = True
    for path in (place.key, place.home / ".alpi" / "config.yaml"):
        path.touch()
        with pytest.raises(Refused):
            place.files.read(path, 100)
        with pytest.raises(Refused):
            place.files.write(path, b"x")
    assert place.asked == []


def test_only_regular_files_are_read(place: Place) -> None:
    os.mkfifo(place.workspace / "pipe")
    with pytest.raises(StorageError, match="not a regular file"):
        place.files.read(place.workspace / "pipe", 10)
    with pytest.raises(IsADirectoryError):
        place.files.read(place.workspace, 10)
    with pytest.raises(FileNotFoundError):
        place.files.read(place.workspace / "nothing", 10)


def test_another_name_of_a_key_is_a_key(place: Place) -> None:
    os.link(place.key, place.workspace / "a.txt")
    with pytest.raises(Refused, match=r"a\.txt is another name of .*id_rsa"):
        place.files.read(place.workspace / "a.txt", 10)
    with pytest.raises(Refused, match="is another name of"):
        place.files.write(place.workspace / "a.txt", b"x")
    assert place.key.read_text() == "PRIVATE"


@pytest.mark.parametrize(
    "name",
    [
        ".alpi/.env",
        ".alpi/config.yaml",
        ".alpi/profiles/other/.env",
        ".aws/credentials",
        ".netrc",
        ".gnupg/secring.gpg",
    ],
)
def test_other_names_of_other_secrets(place: Place, name: str) -> None:
    secret = place.home / name
    secret.parent.mkdir(parents=True, exist_ok=True)
    secret.write_text("PRIVATE")
    os.link(secret, place.workspace / "b.txt")
    with pytest.raises(Refused, match="is another name of"):
        place.files.read(place.workspace / "b.txt", 10)


def test_a_file_with_two_ordinary_names_is_ordinary(place: Place) -> None:
    (place.workspace / "a").write_text("x")
    os.link(place.workspace / "a", place.workspace / "b")
    assert place.files.read(place.workspace / "b", 10)[0] == b"x"
    place.files.write(place.workspace / "b", b"new")
    assert ((place.workspace / "a").read_text(), (place.workspace / "b").read_text()) == ("x", "new")


# -- writing -----------------------------------------------------------------------------------------------------------


def test_writing_makes_folders_and_leaves_nothing_else(place: Place) -> None:
    real = place.files.write(place.workspace / "a" / "b" / "c", b"x")
    assert real == place.workspace / "a" / "b" / "c"
    assert real.read_bytes() == b"x"
    assert os.listdir(real.parent) == ["c"]


def test_no_folder_is_made_on_the_way_to_a_place_that_is_refused(place: Place) -> None:
    with pytest.raises(Refused):
        place.files.write(place.outside / "new" / "deep" / "x", b"x")
    assert os.listdir(place.outside) == []
    with pytest.raises(Refused):
        place.files.write(place.workspace / ".git" / "hooks" / "x", b"x")
    assert os.listdir(place.workspace) == []


def test_permissions_stay_and_never_carry_more_than_permissions(place: Place) -> None:
    path = place.workspace / "a"
    path.write_text("x")
    path.chmod(0o4751)
    place.files.write(path, b"y")
    assert stat.S_IMODE(path.stat().st_mode) == 0o751


def test_the_state_that_was_expected_must_still_hold(place: Place) -> None:
    path = place.workspace / "a"
    path.write_text("x")
    state = state_of(path)
    path.write_text("changed")
    with pytest.raises(StorageError, match="was changed by somebody else meanwhile"):
        place.files.write(path, b"mine", state)
    path.unlink()
    with pytest.raises(StorageError, match="was removed meanwhile"):
        place.files.write(path, b"mine", state)
    assert not path.exists()


def test_a_failure_leaves_the_old_file_and_no_other(place: Place) -> None:
    path = place.workspace / "a"
    path.write_text("old")
    with no_larger_than(100), pytest.raises(StorageError, match="could not write"):
        place.files.write(path, b"x" * 1000)
    assert (os.listdir(place.workspace), path.read_text()) == (["a"], "old")


def test_folders_and_pipes_are_not_written_over(place: Place) -> None:
    (place.workspace / "d").mkdir()
    os.mkfifo(place.workspace / "pipe")
    with pytest.raises(StorageError, match="is a folder"):
        place.files.write(place.workspace / "d", b"x")
    with pytest.raises(StorageError, match="not a regular file"):
        place.files.write(place.workspace / "pipe", b"x")


def test_what_stood_there_is_handed_over_before_the_change_and_confirmed_after_it(place: Place) -> None:
    log: list[object] = []

    def keep(path: Path, before: bytes | None, mode: int, after: bytes) -> object:
        log.append((path.name, before, after, path.read_bytes() if path.exists() else None))
        return lambda: log.append(("done", path.read_bytes()))

    files = GuardedFiles(place.guard, lambda path, access: False, keep)  # type: ignore[arg-type]
    files.write(place.workspace / "a", b"one")
    files.write(place.workspace / "a", b"two")
    assert log == [("a", None, b"one", None), ("done", b"one"), ("a", b"one", b"two", b"one"), ("done", b"two")]
    with no_larger_than(100), pytest.raises(StorageError):
        files.write(place.workspace / "a", b"x" * 1000)
    assert len(log) == 5, "a change that failed was confirmed"


# -- swapped in between ------------------------------------------------------------------------------------------------


@contextmanager
def swapping(link: Path, one: Path, other: Path) -> Iterator[None]:
    """While this runs, a link leads now to the one and now to the other, as fast as can be."""
    stop = threading.Event()

    def swap() -> None:
        aside = link.with_name("aside")
        while not stop.is_set():
            for target in (one, other):
                aside.symlink_to(target)
                aside.replace(link)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_a_file_that_is_swapped_while_it_is_read_never_gives_the_key_away(place: Place) -> None:
    plain = place.workspace / "plain"
    plain.write_text("harmless")
    link = place.workspace / "link"
    link.symlink_to(plain)
    seen = {"read": 0, "refused": 0}
    with swapping(link, plain, place.key):
        while min(seen.values()) < 100 and sum(seen.values()) < MOST_TRIES:
            try:
                data, real, _ = place.files.read(link, 100)
                assert (data, real) == (b"harmless", plain)
                seen["read"] += 1
            except Refused:
                seen["refused"] += 1
    assert min(seen.values()) > 0, "the link was never swapped at all"
    link.unlink()
    link.symlink_to(place.key)
    with pytest.raises(Refused):
        place.files.read(link, 100)


def test_a_folder_that_is_swapped_while_it_is_written_to_never_lets_a_file_out(place: Place) -> None:
    inside = place.workspace / "inside"
    inside.mkdir()
    link = place.workspace / "link"
    link.symlink_to(inside)
    seen = {"written": 0, "refused": 0}
    with swapping(link, inside, place.outside):
        while min(seen.values()) < 30 and sum(seen.values()) < MOST_TRIES:
            try:
                place.files.write(link / f"f{seen['written']}", b"x")
                seen["written"] += 1
            except (Refused, StorageError):
                seen["refused"] += 1
    assert min(seen.values()) > 0, "the link was never swapped at all"
    assert os.listdir(place.outside) == []
    assert len(os.listdir(inside)) == seen["written"]


def test_a_link_that_is_swapped_between_the_question_and_the_opening(place: Place) -> None:
    link = place.workspace / "link"
    (place.workspace / "plain").write_text("harmless")
    link.symlink_to("plain")
    assert place.guard.judge(link, "read").tier == 0
    link.unlink()
    link.symlink_to(place.key)
    with pytest.raises(Refused):
        place.files.read(link, 100)


def test_what_a_descriptor_really_is(place: Place) -> None:
    path = place.workspace / "a"
    path.write_text("x")
    (place.workspace / "link").symlink_to("a")
    descriptor = os.open(place.workspace / "link", os.O_RDONLY)
    try:
        assert descriptor_path(descriptor, Path("/never/asked")) == path
        path.rename(place.outside / "moved")
        assert descriptor_path(descriptor, Path("/never/asked")) == place.outside / "moved"
        (place.outside / "moved").unlink()
        assert descriptor_path(descriptor, Path("/never/asked")) == place.outside / "moved"
    finally:
        os.close(descriptor)
