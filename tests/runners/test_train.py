"""``sam2track train`` from the command line: recipes, bad input, stopping, several processes."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from asset_packs import write_pictures
from composing import compose_config
from data import layouts
from moving import MovingSquares
from tiny import TINY

from sam2track import cli
from sam2track.model import variants
from sam2track.runners.train import make_update
from sam2track.train import Processes, step_batches

CHEAP = ("frames=3", "objects=2", "clips=1", "accumulate=1", "workers=0", "steps=2", "warmup=1")
TINY_MODEL = ("model=tiny", "image_size=64", "checkpoint=null", "trunk=scratch", "frozen=[]")


@pytest.fixture
def tiny(monkeypatch):
    """The variant ``tiny``, for as long as a test lasts."""
    monkeypatch.setitem(variants.VARIANTS, "tiny", TINY)


@pytest.fixture
def squares(tmp_path) -> Path:
    """A configuration file whose clips are squares."""
    path = tmp_path / "squares.yaml"
    source = {"_target_": "moving.MovingSquares", "leaving": True}
    path.write_text(json.dumps({"data": {"root": "none", "sources": {"squares": source}}}))
    return path


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> Path:
    """Two videos with masks to train on and one that is held out."""
    root = tmp_path_factory.mktemp("videos")
    for number, place in enumerate(("train/a", "train/b", "valid/c")):
        split, name = place.split("/")
        clip = MovingSquares(5, size=96).clip(np.random.default_rng(number))
        for kind, pictures in (("JPEGImages", clip.frames[..., ::-1]), ("Annotations", clip.masks)):
            folder = root / split / kind / name
            folder.mkdir(parents=True)
            for index, picture in enumerate(pictures):
                assert cv2.imwrite(str(folder / f"{index:05d}.png"), picture)
    return root


def train(*arguments: str | Path) -> int:
    return cli.main(["train", *map(str, arguments)])


def finetune(videos: Path, out: Path, *more: str) -> int:
    """The recipe on two videos, cut down to a second."""
    return train(
        "recipe=finetune",
        f"data.root={videos}",
        f"out={out}",
        "data.split=train",
        *CHEAP,
        *TINY_MODEL,
        "prompts.clicks=1",
        *more,
    )


def test_fine_tuning_scores_saves_and_goes_on(tiny, videos, tmp_path, capsys):
    out = tmp_path / "run"
    assert finetune(videos, out, "evaluate.every=1") == 0
    assert {path.name for path in out.iterdir()} >= {
        "best.safetensors",
        "card.md",
        "curve.png",
        "last.pt",
        "log.jsonl",
        "run.yaml",
        "tensorboard",
        "weights.safetensors",
    }
    entries = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in entries if "j" in entry] == [1, 2]
    assert "The best is at step" in (out / "card.md").read_text()

    assert finetune(videos, out, "evaluate.every=1") == 0
    assert "has reached step 2 already; give more steps=" in capsys.readouterr().out
    assert finetune(videos, out, "evaluate.every=1", "steps=3") == 0
    assert json.loads((out / "log.jsonl").read_text().splitlines()[-1])["step"] == 3
    assert finetune(videos, out, "evaluate.every=1", "rate=0.5", "seed=5") == 2
    message = capsys.readouterr().err
    assert "rate=0.5 (was 1e-05), seed=5 (was 0)" in message
    assert "begin a new out= with checkpoint=" in message


def test_weights_of_one_phase_begin_the_next_at_another_size(tiny, squares, tmp_path):
    common = ("--config", squares, *CHEAP, *TINY_MODEL, "steps=1")
    assert train(*common, f"out={tmp_path / 'one'}") == 0
    weights = tmp_path / "one" / "weights.safetensors"
    harder = ("image_size=96", "frames=4", "ramp=5", "hardness=0.5", f"checkpoint={weights}")
    assert train(*common, *harder, f"out={tmp_path / 'two'}") == 0


def test_the_official_recipe_runs_a_step_at_a_shrunken_size():
    """Everything as SAM 2 has it, sam2.1_hiera_tiny's own network, on a small picture."""
    model = ("model=sam2.1_hiera_tiny", "image_size=64", "layer_decay=0.8")
    less = ("frames=4", "prompts.clicks=2", "data.root=x", "out=y")
    config = compose_config("train", ["recipe=sam2", *model, *less])
    update = make_update(config, Processes("cpu"))
    run = update.run
    source = MovingSquares(config.frames, objects=config.objects)
    for batch in step_batches(
        source, run.processes, clips=1, accumulate=1, start=0, stop=1, seed=0
    ):
        entry = update.step(batch)
    assert np.isfinite(entry["loss"])
    assert (run.precision, update.options.checkpointing, update.options.stride) == (
        torch.bfloat16,
        True,
        1,
    )
    rates = {group["scale"] for group in run.optimiser.param_groups}
    assert max(rates) == 1.0
    assert min(rates) == pytest.approx(0.2 * 0.8**13)  # 12 blocks, and what comes before them


@pytest.mark.parametrize("recipe", ["nano", "finetune", "sam2"])
def test_every_recipe_composes_with_what_the_runner_reads(recipe):
    config = compose_config("train", [f"recipe={recipe}", "data.root=x", "out=y"])
    assert config.data.root == "x"
    assert config.data.sources


def test_a_sources_weight_may_be_any_number():
    for recipe, source in (("nano", "scenes"), ("finetune", "videos"), ("sam2", "sa_v")):
        weight = f"data.sources.{source}.weight=0.35"
        config = compose_config("train", [f"recipe={recipe}", "data.root=x", "out=y", weight])
        assert config.data.sources[source].weight == 0.35


def test_a_source_without_a_class_is_named(tmp_path, capsys):
    path = tmp_path / "mine.yaml"
    path.write_text("data: {root: none, sources: {scenes: {weight: 0.5}}}")
    assert train("--config", path, f"out={tmp_path / 'run'}", *CHEAP) == 2
    assert "data.sources.scenes names no _target_" in capsys.readouterr().err


def test_the_official_recipe_is_the_papers():
    """2408.00714, table 12, and appendix D.2.2."""
    config = compose_config("train", ["recipe=sam2", "data.root=x", "out=y"])
    assert (config.rate, config.rate * config.trunk_rate) == (3e-4, pytest.approx(6e-5))
    assert (config.steps, config.warmup, config.weight_decay, config.clip) == (
        300000,
        15000,
        0.1,
        0.1,
    )
    assert list(config.betas) == [0.9, 0.999]
    assert (config.frames, config.objects) == (8, 3)
    prompts = config.prompts
    assert (prompts.mask, prompts.box, prompts.click) == (0.5, 0.25, 0.25)
    assert (prompts.corrected, prompts.clicks, prompts.truth) == (2, 7, 0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["out="], "out= is missing"),
        (["recipe=finetune"], "data.root= is missing"),
        (["prompts.mask=0.9"], "must be shares that sum to 1, not 1.3"),
        (["prompts.centre=2"], "centre=2 is not within 0 and 1"),
        (["frozen=[trunc.]"], "frozen: no parameter begins with 'trunc.'"),
        (["frozen=['']"], "every parameter is, so there is nothing to train"),
        (["image_size=100"], "image_size=100: must be a multiple of 32"),
        (["clips=0"], "clips=0: must be a whole number from 1"),
        (["steps=0"], "steps=0: must be a whole number from 1"),
        (["rate=0"], "rate=0: give a number above 0"),
        (["precision=fp16"], "precision=fp16: must be auto, fp32 or bf16"),
        (["hardness=3"], "hardness=3: must be a number from 0 up to 1"),
        (["checkpoint=nowhere.pt"], "no such checkpoint: nowhere.pt"),
        (["trunk=imagenet"], "no ImageNet weights are known for a Hiera trunk"),
        (["evaluate.every=5"], "evaluate.sequences= names no reader"),
        (["evaluate.prompt=voice"], "evaluate.prompt=voice: must be mask, box or click"),
        (
            [
                "evaluate.every=5",
                "evaluate.sequences={_target_:sam2track.data.readers.davis.davis,root:no}",
            ],
            "no list no/ImageSets/2017/val.txt",
        ),
        (
            ["evaluate.every=5", "evaluate.sequences={_target_:sam2track.nothing}"],
            "evaluate.sequences: ",
        ),
    ],
)
def test_bad_settings_end_in_one_line_and_nothing_is_written(
    tiny, squares, tmp_path, capsys, arguments, message
):
    out = tmp_path / "run"
    first = [] if "out=" in arguments else [f"out={out}"]
    base = [] if "recipe=finetune" in arguments else ["--config", squares]
    arguments = [argument for argument in arguments if argument != "out="]
    assert train(*base, *CHEAP, *TINY_MODEL, *first, *arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_the_default_recipe_needs_scenes_and_photographs(tiny, tmp_path, capsys):
    assets = tmp_path / "assets"
    assets.mkdir()
    write_pictures(assets)
    arguments = (f"data.root={assets}", f"out={tmp_path / 'run'}", *CHEAP, *TINY_MODEL)
    assert train(*arguments) == 2
    assert "`python scripts/outlined_photographs.py` makes" in capsys.readouterr().err
    (layouts.coco_stills(assets / "stills") / "instances.json").rename(assets / "stills/train.json")
    assert train(*arguments) == 0
    assert (tmp_path / "run/weights.safetensors").is_file()


def test_missing_data_is_named(tiny, tmp_path, capsys):
    assert finetune(tmp_path / "nothing", tmp_path / "run") == 2
    assert "nothing/train holds neither JPEGImages/ and Annotations/" in capsys.readouterr().err
    assert train(f"out={tmp_path / 'run'}", f"data.root={tmp_path}") == 2
    assert "run `python scripts/fetch_assets.py" in capsys.readouterr().err


def test_a_damaged_picture_is_named(tiny, videos, tmp_path, capsys):
    copied = tmp_path / "copied"
    shutil.copytree(videos, copied)
    for path in (copied / "train" / "Annotations").rglob("*.png"):
        path.write_bytes(path.read_bytes()[:40])
    assert finetune(copied, tmp_path / "run") == 2
    error = capsys.readouterr().err
    assert "copied/train/Annotations/" in error
    assert "is not an undamaged PNG" in error


def test_a_folder_with_other_files_is_left_alone(tiny, squares, tmp_path, capsys):
    (tmp_path / "thesis.doc").write_text("years of work")
    assert train("--config", squares, *CHEAP, *TINY_MODEL, f"out={tmp_path}") == 2
    assert "holds other files and no earlier run" in capsys.readouterr().err


def test_a_loss_that_is_not_finite_ends_the_run(tiny, squares, tmp_path, capsys):
    assert (
        train(
            "--config",
            squares,
            *CHEAP,
            *TINY_MODEL,
            "rate=1e30",
            "clip=1e30",
            "steps=50",
            "save_every=1",
            f"out={tmp_path / 'run'}",
        )
        == 1
    )
    error = capsys.readouterr().err.splitlines()[-1]
    assert "is not finite" in error
    assert "holds the last good step" in error


def test_ctrl_c_saves_and_says_how_to_go_on(tiny, squares, tmp_path, capsys, monkeypatch):
    steps = []

    def clip(self, rng, *, hardness=1.0, real=MovingSquares.clip):
        steps.append(len(steps))
        if len(steps) == 2:
            os.kill(os.getpid(), 2)
        return real(self, rng)

    monkeypatch.setattr(MovingSquares, "clip", clip)
    out = tmp_path / "run"
    arguments = ("--config", squares, *CHEAP, *TINY_MODEL, "steps=4", f"out={out}")
    assert train(*arguments) == 130
    assert "stopped after step 2 of 4, which is saved" in capsys.readouterr().err
    assert train(*arguments) == 0
    assert len((out / "log.jsonl").read_text().splitlines()) == 4


def documented() -> list[list[str]]:
    """The arguments of every command in docs/training.md and in the help."""
    root = Path(__file__).parents[2]
    texts = [root / "docs" / "training.md", root / "configs" / "train.yaml"]
    text = "\n".join(path.read_text() for path in texts).replace("\\\n", " ")
    lines = re.findall(r"^(?:    |#   )(?:.* -m )?sam2track train (.*?)(?:  +\(.*)?$", text, re.M)
    return [shlex.split(line) for line in lines if "--help" not in line]


@pytest.mark.parametrize("arguments", documented(), ids=" ".join)
def test_documented_commands_compose(arguments):
    arguments = [word for word in arguments if word != "..."]
    assert compose_config("train", arguments).steps >= 1


def test_help_lists_the_recipes(capsys):
    assert cli.main(["train", "--help"]) == 0
    text = capsys.readouterr().out
    assert "recipe=nano, of:" in text
    assert "\n    data.root=  " in text
    assert "(required)" in text
    for recipe in ("finetune", "sam2"):
        assert f"\n  {recipe} " in text


@pytest.mark.slow
def test_two_processes_equal_one_with_twice_the_clips(squares, tmp_path):
    """Real processes, joined by gloo, each with half of the clips; objects come and go."""
    tests = Path(__file__).parents[1]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tests.parent), str(tests)]),
        "OMP_NUM_THREADS": "1",
    }
    settings = [
        "train",
        f"--config={squares}",
        *CHEAP,
        "image_size=64",
        "trunk=scratch",
        "device=cpu",
        "pictures_every=0",
        "prompts.correct=1",
    ]
    several = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    for name, launcher, clips in (("one", ["-m"], 2), ("two", several, 1)):
        command = [sys.executable, *launcher, "sam2track", *settings, f"clips={clips}"]
        subprocess.run(
            [*command, f"out={tmp_path / name}"],
            env=environment,
            check=True,
            capture_output=True,
            timeout=200,
        )
    one, two = (
        torch.load(tmp_path / name / "last.pt", weights_only=True) for name in ("one", "two")
    )
    logs = [
        [json.loads(line) for line in (tmp_path / name / "log.jsonl").read_text().splitlines()]
        for name in ("one", "two")
    ]
    for mine, theirs in zip(*logs, strict=True):
        assert mine["rows"] == theirs["rows"] == 4
        for key in ("loss", "iou", "norm"):
            assert mine[key] == pytest.approx(theirs[key], rel=1e-3, abs=1e-4)
    for name, tensor in one["model"].items():
        torch.testing.assert_close(tensor, two["model"][name], rtol=1e-3, atol=2e-5)
    assert len(two["random"]) == 2
