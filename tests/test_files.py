"""Files that appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from sam2track.files import UnfinishedFile, expand_home, whole_file, write_text, write_whole


def test_a_file_gets_its_name_when_it_is_complete(tmp_path):
    path = tmp_path / "new" / "notes.txt"
    with whole_file(path) as temporary:
        temporary.write_text("one")
        assert not path.exists()
    assert path.read_text() == "one"
    assert [file.name for file in path.parent.iterdir()] == ["notes.txt"]


def test_after_an_error_the_old_file_is_still_there(tmp_path):
    path = tmp_path / "notes.txt"
    write_text(path, "é")

    def write(file):
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(path, write)
    assert path.read_text(encoding="utf-8") == "é"
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


def test_folders_made_for_nothing_are_removed(tmp_path):
    file = UnfinishedFile(tmp_path / "a" / "b" / "c.txt")
    file.start().write_text("half")
    file.discard()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "d").mkdir()
    with pytest.raises(IsADirectoryError), whole_file(tmp_path / "d"):
        pass


def test_a_tilde_that_is_no_user_is_a_name():
    assert expand_home("~nobody-of-that-name/a.mp4") == Path("~nobody-of-that-name/a.mp4")
    assert expand_home("~/a.mp4") == Path.home() / "a.mp4"
