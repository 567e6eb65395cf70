"""Listing a folder: what belongs, what is never walked, what cannot be read, and that nothing of it is run."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from safecase.readers.repository import MOST_DEPTH, list_files


def write(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("x")


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=folder, check=True, capture_output=True
    )


def test_files_are_listed_sorted_and_tool_folders_are_not_walked(tmp_path: Path) -> None:
    write(tmp_path, "b.py", "a/c.py", "node_modules/x.js", ".venv/y.py", "env/pyvenv.cfg", "env/bin/python", "env/z.py")
    assert list_files(tmp_path).belonging == ("a/c.py", "b.py")


def test_what_git_ignores_does_not_belong_but_is_listed(tmp_path: Path) -> None:
    write(tmp_path, "kept.py", "models/big.pt", "secret.env")
    (tmp_path / ".gitignore").write_text("models/\n*.env\n")
    git(tmp_path, "init")
    git(tmp_path, "add", "kept.py")
    listing = list_files(tmp_path)
    assert listing.belonging == (".gitignore", "kept.py")
    assert "models/big.pt" in {entry.path for entry in listing.entries}


def test_a_service_in_a_folder_of_a_larger_repository_sees_its_own_files(tmp_path: Path) -> None:
    write(tmp_path, "bot/app.py", "other/app.py")
    git(tmp_path, "init")
    git(tmp_path, "add", "-A")
    assert list_files(tmp_path / "bot").belonging == ("app.py",)


def test_links_are_not_followed_so_a_loop_ends(tmp_path: Path) -> None:
    write(tmp_path, "a/b.py")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "passwd").symlink_to("/etc/passwd")
    assert list_files(tmp_path).belonging == ("a/b.py",)


def test_what_is_neither_file_nor_folder_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, "a.py")
    os.mkfifo(tmp_path / "pipe")
    assert list_files(tmp_path).belonging == ("a.py",)


def test_a_tree_without_end_is_cut_and_said(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*(["d"] * (MOST_DEPTH + 3)))
    deep.mkdir(parents=True)
    assert "folders deep" in list_files(tmp_path).unreadable[0]


def test_excluded_paths_are_no_part_of_it(tmp_path: Path) -> None:
    write(tmp_path, "app.py", "docs/a.md", "notes.ipynb")
    assert list_files(tmp_path, ("docs", "*.ipynb")).belonging == ("app.py",)


def test_a_name_that_is_not_utf8_can_be_shown(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.py")).write_text("x")
    assert list_files(tmp_path).belonging == ("caf\ufffd.py",)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    write(tmp_path, "closed/a.py")
    (tmp_path / "closed").chmod(0)
    try:
        assert list_files(tmp_path).unreadable == ("closed: Permission denied",)
    finally:
        (tmp_path / "closed").chmod(0o755)


def test_a_repository_cannot_have_its_own_program_run(tmp_path: Path) -> None:
    write(tmp_path, "a.py")
    git(tmp_path, "init")
    touched = tmp_path.parent / f"{tmp_path.name}-touched"
    monitor = tmp_path / "monitor.sh"
    monitor.write_text(f"#!/bin/sh\ntouch {touched}\n")
    monitor.chmod(0o755)
    git(tmp_path, "config", "core.fsmonitor", str(monitor))
    assert "a.py" in list_files(tmp_path).belonging
    assert not touched.exists()


def test_nothing_that_git_tracks_hides_behind_the_name_of_a_tools_folder(tmp_path: Path) -> None:
    write(tmp_path, "venv/model.pkl", "lib/pyvenv.cfg", "lib/secret.py", "node_modules/a.js", ".venv/b.py")
    git(tmp_path, "init")
    git(tmp_path, "add", "venv", "lib")
    assert list_files(tmp_path).belonging == ("lib/pyvenv.cfg", "lib/secret.py", "venv/model.pkl")
