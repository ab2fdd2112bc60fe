"""Zips for a server, and what codes of attributes mean."""

from __future__ import annotations

import zipfile

import pytest

from sam2track.benchmark.layouts import pack
from sam2track.benchmark.results import in_words


def test_a_zip_appears_whole_or_not_at_all(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / "masks" / name).mkdir(parents=True)
        (tmp_path / "masks" / name / "00000.png").write_bytes(b"png")
    pack(tmp_path / "masks", ["cat"], tmp_path / "masks.zip")
    first = (tmp_path / "masks.zip").read_bytes()
    assert zipfile.ZipFile(tmp_path / "masks.zip").namelist() == ["cat/00000.png"]
    pack(tmp_path / "masks", ["cat"], tmp_path / "masks.zip")
    assert (tmp_path / "masks.zip").read_bytes() == first
    with pytest.raises(OSError, match="directory"):
        pack(tmp_path / "masks", ["cat"], tmp_path / "masks")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["masks", "masks.zip"]


def test_codes_of_attributes_in_words():
    assert in_words("FM") == "fast motion (FM)"
    assert in_words("occlusion") == "occlusion"
