"""Ignore files are read as git reads them; the expectations are those that `git check-ignore` gives."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from memory.importers.walk import FoundFile, find_files
from memory.records import Receipt

FILES = (
    "a.md",
    "keep.log",
    "b.log",
    "top.md",
    "sub/top.md",
    "sub/b.log",
    "sub/deep/c.md",
    "build/x.md",
    "sub/build/y.md",
)


def _walked(folder: Path, ignore: Mapping[str, str]) -> tuple[set[str], dict[str, str]]:
    """Files found below a folder with these ignore files, and what was passed over with its reason."""
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    for name, text in ignore.items():
        (folder / name).write_text(text, encoding="utf-8")
    found = list(find_files([folder]))
    taken = {item.path.relative_to(folder).as_posix() for item in found if isinstance(item, FoundFile)}
    skipped = {
        Path(item.path).relative_to(folder).as_posix(): item.reason or ""
        for item in found
        if isinstance(item, Receipt) and item.reason != "hidden"
    }
    return taken, skipped


@pytest.mark.parametrize(
    ("ignore", "passed_over"),
    [
        ({".gitignore": "*.log\n!keep.log\n"}, {"b.log", "sub/b.log"}),
        ({".gitignore": "build/\n"}, {"build", "sub/build"}),
        ({".gitignore": "/build/\n/top.md\n"}, {"build", "top.md"}),
        ({".gitignore": "*.log\n", "sub/.gitignore": "!b.log\n"}, {"b.log", "keep.log"}),
        ({".gitignore": "sub/*\n!sub/deep/\n"}, {"sub/top.md", "sub/b.log", "sub/build"}),
        ({".gitignore": "sub/\n!sub/deep/c.md\n"}, {"sub"}),
        ({".gitignore": "**/deep/**\n"}, {"sub/deep/c.md"}),
        ({".gitignore": "*\n!*/\n!*.md\n"}, {"b.log", "keep.log", "sub/b.log"}),
        ({".gitignore": "# *.md\n\n   \n!\n\\#x\n"}, set()),
        ({".gitignore": "\ufefftop.md\r\n"}, {"top.md", "sub/top.md"}),
        ({".gitignore": "top.md\nsub/\n", ".familiarignore": "!top.md\n"}, {"sub"}),
        ({".gitignore": "**/deep/**\n!**/c.md\n"}, set()),
        ({"sub/.familiarignore": "/top.md\n"}, {"sub/top.md"}),
        ({".gitignore": "[\n\x00\n"}, set()),
    ],
)  # fmt: skip
def test_the_rules_of_git_hold(tmp_path: Path, ignore: Mapping[str, str], passed_over: set[str]) -> None:
    """Negation, anchors, folders, levels and lines that say nothing."""
    taken, skipped = _walked(tmp_path, ignore)
    assert set(skipped) == passed_over
    assert taken == {
        name for name in FILES if not any(name == each or name.startswith(f"{each}/") for each in passed_over)
    }


def test_the_reason_names_rule_and_folder(tmp_path: Path) -> None:
    """A file that is missed can be traced to the line that kept it out."""
    _, skipped = _walked(tmp_path, {"sub/.gitignore": "*.log\n"})
    assert skipped == {"sub/b.log": f"ignored by '*.log' in {tmp_path / 'sub'}"}


def test_a_file_that_is_named_is_taken(tmp_path: Path) -> None:
    """What the user names counts more than a rule, and a rule outside the named folder is not read."""
    (tmp_path / ".gitignore").write_text("*.md\nsub/\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.md").write_text("x")
    for path in (tmp_path / "sub" / "a.md", tmp_path / "sub"):
        (found,) = find_files([path])
        assert isinstance(found, FoundFile)
        assert found.named == path.is_file()


def test_a_linked_ignore_file_is_not_read(tmp_path: Path) -> None:
    """Nothing outside the folder is read, not even for rules, and a pipe in its place holds up nothing."""
    (tmp_path / "rules").write_text("*.md\n")
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "a.md").write_text("x")
    (notes / ".gitignore").symlink_to(tmp_path / "rules")
    if hasattr(os, "mkfifo"):
        os.mkfifo(notes / ".familiarignore")
    assert [item.path.name for item in find_files([notes]) if isinstance(item, FoundFile)] == ["a.md"]


def test_what_editors_and_this_program_keep_is_passed_over(tmp_path: Path) -> None:
    """Copies that editors leave behind, and the home of the import itself."""
    home = tmp_path / "home"
    home.mkdir()
    for path in (
        tmp_path / "a.md",
        tmp_path / "a.md~",
        tmp_path / "#a.md#",
        tmp_path / "~$a.docx",
        home / "familiar.db",
    ):
        path.write_text("x")
    found = list(find_files([tmp_path], without=home))
    assert [item.path.name for item in found if isinstance(item, FoundFile)] == ["a.md"]
    assert {Path(item.path).name: item.reason for item in found if isinstance(item, Receipt)} == {
        "a.md~": "an editor's copy of another file",
        "#a.md#": "an editor's copy of another file",
        "~$a.docx": "hidden",
        "home": "Familiar's own folder",
    }
    assert [item.reason for item in find_files([home], without=home) if isinstance(item, Receipt)] == [
        "Familiar's own folder"
    ]


def test_a_name_that_is_no_text_stops_nothing(tmp_path: Path) -> None:
    """Some systems allow any bytes as a name; the database and the output do not."""
    try:
        with open(os.fsencode(tmp_path) + b"/bad\xff.md", "w", encoding="utf-8") as file:
            file.write("x")
    except OSError:  # this system does not
        return
    (tmp_path / "good.md").write_text("x")
    failed, good = find_files([tmp_path])
    assert isinstance(failed, Receipt)
    assert isinstance(good, FoundFile)
    assert (Path(failed.path).name, failed.status) == ("bad\ufffd.md", "failed")
