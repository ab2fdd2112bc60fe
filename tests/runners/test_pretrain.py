"""``sam2track pretrain``, from a folder to the weights of a trunk."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from composing import compose_config
from PIL import Image
from safetensors.torch import load_file

from sam2track.runners.pretrain import run

SMALL = (
    *("image_size=64", "mae.pictures=2", "mae.width=32", "mae.layers=1"),
    *("steps=2", "warmup=1", "save_every=1", "device=cpu", "workers=0"),
)


@pytest.fixture
def folder(tmp_path):
    """Three noisy images."""
    rng = np.random.default_rng(0)
    (tmp_path / "pictures").mkdir()
    for number in range(3):
        noise = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / f"pictures/{number}.png")
    return tmp_path / "pictures"


def pretrain(folder, out, *settings: str) -> None:
    arguments = [f"data.root={folder}", f"out={out}", *SMALL, *settings]
    run(compose_config("pretrain", arguments))


def test_a_folder_becomes_a_trunk_and_the_run_goes_on(folder, tmp_path, capsys):
    out = tmp_path / "mae"
    pretrain(folder, out)
    printed = capsys.readouterr().out
    assert "3 images, 0 videos" in printed
    assert f"2 steps: {out / 'weights.safetensors'}" in printed
    assert {path.name for path in out.iterdir()} == {
        *("last.pt", "weights.safetensors", "reconstruction.png"),
        *("log.jsonl", "tensorboard", "run.yaml"),
    }
    first = load_file(out / "weights.safetensors")
    assert "trunk.stem.weight" in first
    pretrain(folder, out)
    assert "has reached step 2 already" in capsys.readouterr().out
    pretrain(folder, out, "steps=3")
    later = load_file(out / "weights.safetensors")
    assert not torch.equal(first["trunk.stem.weight"], later["trunk.stem.weight"])
    with Image.open(out / "reconstruction.png") as picture:
        assert picture.size == (3 * 64, 4 * 64)


def test_a_folder_that_has_changed_is_noticed(folder, tmp_path):
    pretrain(folder, tmp_path / "mae", "steps=1")
    (folder / "2.png").unlink()
    with pytest.raises(ValueError, match=r"images=2 \(was 3\)"):
        pretrain(folder, tmp_path / "mae")


def test_broken_files_are_counted_and_named(folder, tmp_path, capsys):
    for number in range(12):
        (folder / f"text{number:02}.jpg").write_text("no picture")
    pretrain(folder, tmp_path / "mae", "steps=1")
    said = capsys.readouterr().err
    assert "12 broken files are skipped:\n" in said
    assert str(folder / "text09.jpg") in said
    assert "text10" not in said
    assert "  and 2 more\n" in said


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("image_size=100", "image_size=100: must be a multiple of 32"),
        ("image_size=32", "must be a whole number from 64"),
        ("mae.hidden=1.0", "mae.hidden=1.0: a share"),
        ("mae.width=48", "mae.width=48: a multiple of 32"),
        ("mae.pictures=0", "mae.pictures=0: must be a whole number from 1"),
        ("trunk=missing.safetensors", "no such checkpoint: missing.safetensors"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_written(folder, tmp_path, setting, message):
    with pytest.raises(ValueError, match=message):
        pretrain(folder, tmp_path / "mae", setting)
    assert not (tmp_path / "mae").exists()


def test_what_is_missing_is_said(folder, tmp_path):
    with pytest.raises(ValueError, match=r"data\.root= is missing"):
        run(compose_config("pretrain", [f"out={tmp_path / 'mae'}"]))
    with pytest.raises(ValueError, match="out= is missing"):
        run(compose_config("pretrain", [f"data.root={folder}"]))
    with pytest.raises(FileNotFoundError, match="no folder nowhere"):
        pretrain("nowhere", tmp_path / "mae")


def test_documented_commands_compose():
    root = Path(__file__).parents[2]
    texts = [(root / name).read_text() for name in ("docs/mae.md", "configs/pretrain.yaml")]
    lines = re.findall(r"^(?:    |#   )sam2track (.*?)(?:  +\(.*)?$", "\n".join(texts), re.M)
    verbs = [line.split()[0] for line in lines]
    assert sorted(verbs) == ["pretrain", "pretrain", "train", "train"]
    for verb, line in zip(verbs, lines, strict=True):
        assert compose_config(verb, line.split()[1:]).steps >= 1


@pytest.mark.slow
def test_two_processes_equal_one_with_twice_the_pictures(folder, tmp_path):
    """Real processes, joined by gloo, each with half of the pictures."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    several = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    settings = ["pretrain", f"data.root={folder}", *SMALL, "steps=3"]
    logs = []
    for name, launcher, pictures in (("one", ["-m"], 4), ("two", several, 2)):
        out = tmp_path / name
        own = (f"mae.pictures={pictures}", f"out={out}")
        subprocess.run(
            [sys.executable, *launcher, "sam2track", *settings, *own],
            env={**environment, "OMP_NUM_THREADS": "1"},
            check=True,
            capture_output=True,
            timeout=200,
        )
        logs.append([json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()])
    for mine, theirs in zip(*logs, strict=True):
        assert mine == pytest.approx(theirs, rel=1e-3)
    one, two = (load_file(tmp_path / name / "weights.safetensors") for name in ("one", "two"))
    for name, tensor in one.items():
        torch.testing.assert_close(tensor, two[name], rtol=1e-3, atol=1e-3)
