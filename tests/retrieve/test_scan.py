import os
from pathlib import Path

import pytest

from handspun.errors import RetrieveError
from handspun.retrieve.scan import labels, scan


def tree(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"This is {name}.")
    return folder


def test_everything_readable_below_a_folder_is_found_and_the_rest_counted(tmp_path: Path) -> None:
    found = scan([tree(tmp_path, "b.txt", "a/c.MD", "x.png", "y.PNG", "Makefile", ".hidden.txt", ".git/d.txt")])
    assert list(found.files) == ["a/c.MD", "b.txt"]
    assert found.unread == {".png": 2, "Makefile": 1} and found.refused == {}


def test_files_of_one_name_in_several_folders_stay_apart(tmp_path: Path) -> None:
    here, there, other = (tree(tmp_path / name, "a.txt") for name in ("x/docs", "y/docs", "notes"))
    assert list(scan([here]).files) == ["a.txt"]
    assert list(scan([here, other]).files) == ["docs/a.txt", "notes/a.txt"]
    assert list(scan([here, there, other / "a.txt"]).files) == ["x/docs/a.txt", "y/docs/a.txt", "notes/a.txt"]
    assert len(labels([Path("/"), Path("/a"), Path("/b/a")])) == len({"", "a", "b/a"})


def test_a_file_below_two_roots_is_read_once(tmp_path: Path) -> None:
    tree(tmp_path / "docs", "a.txt", "sub/b.txt")
    found = scan([tmp_path / "docs", tmp_path / "docs/sub", tmp_path / "docs/a.txt"])
    assert [path.name for path in found.files.values()] == ["a.txt", "b.txt"]


def test_a_link_that_leaves_its_folder_or_leads_to_no_file_is_refused(tmp_path: Path) -> None:
    tree(tmp_path, "secret.txt", "docs/a.txt")
    docs = tmp_path / "docs"
    (docs / "out.txt").symlink_to(tmp_path / "secret.txt")
    (docs / "dangling.txt").symlink_to(docs / "absent.txt")
    os.mkfifo(docs / "pipe")
    (docs / "pipe.txt").symlink_to(docs / "pipe")
    (docs / "within.txt").symlink_to(docs / "a.txt")
    (docs / "folder").symlink_to(tmp_path, target_is_directory=True)
    found = scan([docs])
    assert list(found.files) == ["a.txt"]
    assert found.refused == {
        "dangling.txt": "a link that leads to no file",
        "folder": "a link to a folder, which is not followed: name that folder, too",
        "out.txt": "a link that leaves its folder",
        "pipe": "a pipe, a socket or a device, which is not opened",
        "pipe.txt": "a link that leads to no file",
    }


def test_a_folder_that_may_not_be_entered_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, "a.txt", "closed/b.txt")
    entries = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return entries(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = scan([tmp_path])
    assert list(found.files) == ["a.txt"] and found.refused == {"closed": "permission denied"}


def test_a_name_that_is_not_utf_8_is_spelled_out(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"na\xefve.txt")).write_text("The fox.")
    assert list(scan([tmp_path]).files) == ["na\\xefve.txt"]


def test_a_root_that_is_gone_or_empty_is_refused_and_not_taken_for_a_wish_to_forget(tmp_path: Path) -> None:
    with pytest.raises(RetrieveError, match="absent does not exist: correct the path, mount what it is on, or leave it out"):
        scan([tree(tmp_path, "a.txt"), tmp_path / "absent"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(RetrieveError, match=r"empty holds no \.txt, .*\.jsonl\.zst file: name a file or folder that does"):
        scan([tmp_path, tmp_path / "empty"])


def test_a_link_that_cannot_be_followed_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    tree(tmp_path, "a.txt")
    (tmp_path / "far.txt").symlink_to("x" * 300)
    found = scan([tmp_path])
    assert list(found.files) == ["a.txt"]
    assert found.refused == {"far.txt": "a link that cannot be followed: file name too long"}
