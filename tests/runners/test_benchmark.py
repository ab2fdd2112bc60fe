"""The benchmark as a user meets it: from a dataset's folder to scores, report and submission."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from data import box_layouts, layouts
from data.layouts import LENGTH
from folder_scores import score_folders
from hydra.types import RunMode
from hydra.utils import instantiate
from PIL import Image

from sam2track.cli import main
from sam2track.memory import FifoMemory
from sam2track.metrics import DAVIS_2016, DAVIS_2017, SA_V, VOS_BENCHMARK
from sam2track.runners.loader import Loader


def benchmark(*arguments):
    """The command in this process, with a tracker that costs nothing."""
    defaults = ["tracker=copy", "workers=0", "device=cpu"]
    return main(["benchmark", *defaults, *map(str, arguments)])


def results(out):
    return json.loads((Path(out) / "results.json").read_text())


def masks(out):
    """Every mask's bytes by path."""
    folder = Path(out) / "masks"
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*.png"))}


def scores(out):
    """What does not depend on the clock."""
    found = results(out)
    volatile = ("fps", "memory")
    for row in (found["mean"], *found["sequences"].values()):
        for key in volatile:
            row.pop(key, None)
    return found


def leftovers(out):
    return list(Path(out).rglob(".*"))


def said(capfd):
    """The one line on stderr that is no progress bar."""
    lines = capfd.readouterr().err.replace("\r", "\n").splitlines()
    return next(line for line in lines if line.startswith("error: "))


# -- every layout, from folder to report and submission

WITH_TRUTH = {
    "davis16": (layouts.davis16, "Annotations/480p", DAVIS_2016, ["cat", "dog"]),
    "davis17": (layouts.davis17, "Annotations/480p", DAVIS_2017, ["cat", "dog"]),
    "sav_val": (layouts.sav, "sav_val/Annotations_6fps", SA_V, ["sav_1", "sav_2"]),
    "mose": (lambda root: layouts.mose(root, split="train"), "train/Annotations", VOS_BENCHMARK,
             ["aaa", "bbb"]),
}  # fmt: skip


@pytest.mark.parametrize("name", WITH_TRUTH)
def test_scores_are_those_of_the_toolkit_on_the_written_masks(tmp_path, name):
    make, truth, toolkit, names = WITH_TRUTH[name]
    root, out = make(tmp_path / "data"), tmp_path / "out"
    split = ["dataset.split=train"] if name == "mose" else []
    assert benchmark(f"dataset={name}", f"dataset.root={root}", f"out={out}", *split) == 0
    expected = score_folders(root / truth, out / "masks", toolkit)
    found = results(out)
    assert list(found["sequences"]) == names
    everything = []
    for sequence, objects in expected.items():
        rows = found["sequences"][sequence]["objects"]
        assert {int(k) for k in rows} == objects.keys()
        for object_id, row in rows.items():
            score = objects[int(object_id)]
            everything.append(row["J&F"])
            assert row["J"] == pytest.approx(100 * score.region.mean, abs=1e-9)
            assert row["F"] == pytest.approx(100 * score.boundary.mean, abs=1e-9)
            assert row["J recall"] == pytest.approx(100 * score.region.recall, abs=1e-9)
            assert row["F decay"] == pytest.approx(100 * score.boundary.decay, abs=1e-9)
    assert found["mean"]["J&F"] == pytest.approx(np.mean(everything))
    assert 0 < found["mean"]["J&F"] < 100
    assert len((out / "objects.csv").read_text().splitlines()) == 1 + len(everything)
    page = (out / "report.html").read_text()
    assert all(f">{sequence}<" in page for sequence in names)
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "data:video/mp4;base64," in page
    assert not leftovers(out)


@pytest.mark.parametrize(
    ("name", "make", "frames"),
    [
        ("davis17", lambda root: layouts.davis17(root, split="test-dev"), range(LENGTH)),
        ("ytvos18", layouts.youtube_vos, range(0, 5 * LENGTH - 4, 5)),
        (
            "ytvos19",
            lambda root: layouts.youtube_vos(root, dense=True),
            range(0, 5 * LENGTH - 4, 5),
        ),
        ("mose", layouts.mose, range(LENGTH)),
        ("mosev2", layouts.mose, range(LENGTH)),
    ],
)
def test_without_public_truth_there_is_a_submission(tmp_path, name, make, frames):
    root, out = make(tmp_path / "data"), tmp_path / "out"
    options = []
    if name == "davis17":
        options.append("dataset.split=test-dev")
    if name == "ytvos19":
        options.append("dataset.all_frames=true")
    assert benchmark(f"dataset={name}", f"dataset.root={root}", f"out={out}", *options) == 0
    found = results(out)
    assert list(found["mean"]) == ["fps"]
    with zipfile.ZipFile(out / "masks.zip") as packed:
        names = set(packed.namelist())
        one = sorted(found["sequences"])[0]
        with Image.open(packed.open(f"{one}/{frames[-1]:05d}.png")) as image:
            assert image.mode == "P"
            assert set(np.unique(image)) == {0, 1, 2}  # the late object too
    assert names == {f"{one}/{index:05d}.png" for one in found["sequences"] for index in frames}
    assert "Samples" in (out / "report.html").read_text()


@pytest.mark.parametrize("name", ["lvos", "lvosv2"])
def test_lvos_counts_objects_over_their_spans_and_seen_apart(tmp_path, name):
    root, out = layouts.lvos(tmp_path / "data"), tmp_path / "out"
    unseen = f"dataset.unseen={root / 'unseen_videos.txt'}"
    arguments = [f"dataset={name}", f"dataset.root={root}", f"out={out}", unseen, "zip=true"]
    assert benchmark(*arguments) == 0
    found = results(out)
    assert found["groups"].keys() == {"seen", "unseen"}
    both = [row["J&F"] for row in found["groups"].values()]
    assert found["mean"]["J&F"] == pytest.approx(np.mean(both))
    assert found["sequences"]["xYz"]["objects"].keys() == {"1", "2"}
    record = json.loads((out / "sequences" / "xYz.json").read_text())
    assert len(record["objects"]["2"]["frames"]) < len(record["objects"]["1"]["frames"])
    with zipfile.ZipFile(out / "masks.zip") as packed:
        assert f"xYz/{1:08d}.png" in packed.namelist()


def test_sa_v_is_handed_in_by_object_and_may_overlap(tmp_path):
    root, out = layouts.sav(tmp_path / "data", split="test"), tmp_path / "out"
    arguments = ["dataset=sav_test", f"dataset.root={root}", f"out={out}", "zip=true"]
    assert benchmark(*arguments) == 0
    with zipfile.ZipFile(out / "masks.zip") as packed:
        names = packed.namelist()
    assert "sav_1/000/00000.png" in names
    assert {name.split("/")[1] for name in names} == {"000", "001", "002"}
    assert not [name for name in names if int(Path(name).stem) % 4]  # 6 frames a second
    whole, part = (
        np.asarray(Image.open(out / f"masks/sav_1/{k}/00000.png")) > 0 for k in ("000", "002")
    )
    assert (whole & part).any()


BOXES = {
    "lasot": (box_layouts.write_lasot, "AUC", {"cup-1.txt"}),
    "otb": (box_layouts.write_otb, "AUC", None),
    "got10k": (box_layouts.write_got10k, "AO", {
        "GOT-10k_Val_000001/GOT-10k_Val_000001_001.txt",
        "GOT-10k_Val_000001/GOT-10k_Val_000001_time.txt"}),
    "vot": (box_layouts.write_vot, "F", None),
}  # fmt: skip


@pytest.mark.parametrize("name", BOXES)
def test_boxes(tmp_path, name):
    make, measure, files = BOXES[name]
    root, out = make(tmp_path / "data"), tmp_path / "out"
    arguments = [f"dataset={name}", f"dataset.root={root}", f"out={out}", "zip=true"]
    status = benchmark(*arguments)
    found = results(out)
    assert status == 0, found["broken"]
    assert 0 < found["mean"][measure] < 100
    with zipfile.ZipFile(out / "boxes.zip") as packed:
        names = set(packed.namelist())
        first = next(text for text in sorted(names) if text.endswith(".txt") and "time" not in text)
        rows = packed.read(first).decode().splitlines()
    assert files is None or names == files
    if name == "vot":
        assert "longterm/bag/bag_001_confidence.value" in names
        assert rows[0] == "1"
    else:
        given = np.array([float(value) for value in rows[0].split(",")])
        shift = np.array([1, 1, 0, 0]) if name == "otb" else 0  # OTB counts from 1
        np.testing.assert_allclose(given, box_layouts.TRUTH[0] + shift)
    assert "data:video/mp4" in (out / "report.html").read_text()


def test_got10k_test_goes_to_the_server(tmp_path):
    root, out = box_layouts.write_got10k(tmp_path / "data", split="test"), tmp_path / "out"
    arguments = [f"dataset.root={root}", "dataset.split=test", f"out={out}"]
    assert benchmark("dataset=got10k", *arguments) == 0
    assert list(results(out)["mean"]) == ["fps"]
    assert (out / "boxes.zip").is_file()


# -- the model


@pytest.fixture
def davis(tmp_path):
    return layouts.davis17(tmp_path / "data", ("cat", "cow", "dog"))


def test_the_model_tracks_and_prompts_may_be_boxes_or_clicks(tmp_path, davis, random_nano):
    found = {}
    for prompt in ("mask", "click"):
        out = tmp_path / prompt
        arguments = ["tracker=session", f"checkpoint={random_nano}", f"prompt={prompt}"]
        names = "dataset.names=[cat]"
        assert benchmark(f"dataset.root={davis}", f"out={out}", names, *arguments) == 0
        found[prompt] = results(out)
    assert found["mask"]["mean"] != found["click"]["mean"]
    assert found["mask"]["method"] == "nano, auto, mask"
    assert found["mask"]["sequences"]["cat"]["memory"]["ram"] > 100


@pytest.mark.parametrize("protocol", ["interactive_offline", "interactive_online"])
def test_interactive(tmp_path, davis, random_nano, protocol):
    out = tmp_path / "out"
    arguments = ["tracker=session", f"checkpoint={random_nano}", "dataset.names=[cat]", "rounds=2"]
    status = benchmark(f"dataset.root={davis}", f"out={out}", f"protocol={protocol}", *arguments)
    assert status == 0
    found = results(out)
    assert len(found["rounds"]) == 2
    assert found["rounds"][-1] == pytest.approx(found["mean"]["J&F"])
    assert "annotated frames" in (out / "report.html").read_text()


def test_data_engine(tmp_path, davis, random_nano, capfd):
    out = tmp_path / "out"
    arguments = ["tracker=session", f"checkpoint={random_nano}", "dataset.names=[cat]", "rounds=2"]
    assert benchmark(f"dataset.root={davis}", f"out={out}", "protocol=engine", *arguments) == 0
    found = results(out)
    assert found["engine"].keys() == {"image", "mask", "full"}
    assert found["engine"]["full"]["J&F"] == pytest.approx(found["mean"]["J&F"])
    assert len(found["engine"]["mask"]["rounds"]["online"]) == 2
    assert "data engine, simulated" in capfd.readouterr().out
    assert "Simulated: " in (out / "report.html").read_text()
    assert (out / "masks" / "cat").is_dir()
    assert not leftovers(out)


# -- starting again, and what is broken


def test_a_finished_sequence_is_not_repeated(tmp_path, davis):
    out = tmp_path / "out"
    arguments = [f"dataset.root={davis}", f"out={out}"]
    assert benchmark(*arguments, "dataset.names=[cat]", "report=false") == 0
    record = out / "sequences" / "cat.json"
    before = record.stat().st_mtime_ns
    assert benchmark(*arguments) == 0
    assert record.stat().st_mtime_ns == before
    assert list(results(out)["sequences"]) == ["cat", "cow", "dog"]


def test_another_configuration_is_refused_and_the_difference_named(tmp_path, davis, capfd):
    out = tmp_path / "out"
    assert benchmark(f"dataset.root={davis}", f"out={out}", "report=false") == 0
    capfd.readouterr()
    status = benchmark(f"dataset.root={davis}", f"out={out}", "prompt=box", "memory.recent=3")
    assert status == 2
    line = said(capfd)
    assert 'prompt was "mask", now "box"' in line
    assert "memory.recent was null, now 3" in line


def test_weights_count_by_what_is_in_them(tmp_path, davis, random_nano, capfd):
    weights, out = tmp_path / "weights.safetensors", tmp_path / "out"
    weights.write_bytes(Path(random_nano).read_bytes())
    arguments = [f"dataset.root={davis}", f"out={out}", f"checkpoint={weights}", "report=false"]
    assert benchmark(*arguments) == 0
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\1")
    assert benchmark(*arguments) == 2
    assert "SHA-256" in said(capfd)


@pytest.mark.parametrize("workers", [0, 2])
def test_broken_sequences_are_named_and_take_no_other_with_them(tmp_path, capfd, workers):
    names = ("cat", "cow", "dog", "emu", "fox")
    root, out = layouts.davis17(tmp_path / "data", names), tmp_path / "out"
    (root / "JPEGImages/480p/cow/00002.jpg").unlink()
    corrupt = root / "Annotations/480p/dog/00003.png"
    corrupt.write_bytes(corrupt.read_bytes()[:-20])
    for path in (root / "Annotations/480p/emu").iterdir():  # ids 1 and 3: there is no 2
        labels = np.asarray(Image.open(path)).copy()
        labels[labels == 2] = 3
        layouts.save_labels(path, labels)
    status = benchmark(f"dataset.root={root}", f"out={out}", f"workers={workers}")
    assert status == 1
    found = results(out)
    assert list(found["sequences"]) == ["cat", "fox"]
    assert found["broken"].keys() == {"cow", "dog", "emu"}
    assert "00002" in found["broken"]["cow"]
    assert "00003.png" in found["broken"]["dog"]
    assert "object 2 of emu never appears" in found["broken"]["emu"]
    assert "3 of 5 sequences broken" in said(capfd)
    page = (out / "report.html").read_text()
    assert "Broken sequences" in page
    assert "never appears" in page
    assert not leftovers(out)


def test_an_object_that_is_listed_but_never_appears(tmp_path):
    root, out = layouts.lvos(tmp_path / "data"), tmp_path / "out"
    meta = root / "valid" / "valid_meta.json"
    listed = json.loads(meta.read_text())
    listed["videos"]["xYz"]["objects"]["7"] = listed["videos"]["xYz"]["objects"]["1"]
    meta.write_text(json.dumps(listed))
    assert benchmark("dataset=lvos", f"dataset.root={root}", f"out={out}") == 1
    found = results(out)
    assert list(found["sequences"]) == ["zYx"]
    assert "object 7 of xYz is listed, but never appears" in found["broken"]["xYz"]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("tracker=magic", "tracker=magic: must be session, copy or flow"),
        ("prompt=voice", "prompt=voice: must be mask, box or click"),
        ("protocol=fast", "protocol=fast: must be semi"),
        ("protocol=engine", "protocol=engine, tracker="),
        ("workers=-1", "workers=-1"),
        ("rounds=0", "rounds=0"),
        ("dataset.root=nowhere", "no list nowhere"),
        ("dataset.split=test", "test.txt"),
        ("compare=[nowhere]", "nowhere holds no finished run"),
        ("compare=[]", "compare= names no runs"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(tmp_path, davis, capfd, argument, message):
    out = tmp_path / "out"
    assert benchmark(f"dataset.root={davis}", f"out={out}", argument) == 2
    assert message in said(capfd)
    assert not out.exists()


def test_the_root_is_asked_for(capfd):
    assert benchmark() == 2
    assert "dataset.root= is missing" in said(capfd)


def test_a_model_that_cannot_be_loaded_is_bad_input(tmp_path, davis, capfd):
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(b"nothing")
    arguments = ["tracker=session", f"checkpoint={weights}", f"out={tmp_path / 'out'}"]
    assert benchmark(f"dataset.root={davis}", *arguments, "workers=1") == 2
    assert "weights.safetensors" in said(capfd)


def run_and_kill(arguments, out, chance):
    """Start the command, kill it without mercy at some moment; False if it was done before."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sam2track", "benchmark", *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wanted = len(list(Path(out).glob("sequences/*.json"))) + 1
    while process.poll() is None and len(list(Path(out).glob("sequences/*.json"))) < wanted:
        time.sleep(0.005)
    time.sleep(0.1 * chance.random())
    alive = process.poll() is None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return alive


@pytest.mark.parametrize("kills", [1, pytest.param(5, marks=pytest.mark.slow)])
def test_killed_and_started_again_it_ends_as_if_undisturbed(tmp_path, random_nano, kills):
    names = [f"clip{number}" for number in range(3 + kills)]
    root = layouts.davis17(tmp_path / "data", tuple(names))
    options = ["tracker=session", f"checkpoint={random_nano}", f"dataset.root={root}"]
    options += ["device=cpu", "report=false"]
    chance, out = random.Random(0), tmp_path / "killed"
    killed = [run_and_kill([*options, f"out={out}"], out, chance) for _ in range(kills)]
    assert any(killed)
    assert main(["benchmark", *options, f"out={out}", "workers=0"]) == 0
    assert main(["benchmark", *options, f"out={tmp_path / 'calm'}", "workers=0"]) == 0
    assert masks(out) == masks(tmp_path / "calm")
    assert scores(out) == scores(tmp_path / "calm")
    assert (out / "objects.csv").read_text() == (tmp_path / "calm" / "objects.csv").read_text()
    assert not leftovers(out)


# -- several runs


def test_a_sweep_runs_each_and_compares(tmp_path, davis, capfd):
    out = tmp_path / "sweep"
    arguments = [f"dataset.root={davis}", f"out={out}", "tracker=copy,flow", "-m"]
    assert main(["benchmark", "workers=0", "device=cpu", *arguments]) == 0
    assert {path.name for path in out.iterdir()} == {
        "tracker=copy",
        "tracker=flow",
        "multirun.yaml",
        "comparison.json",
        "comparison.html",
    }
    comparison = json.loads((out / "comparison.json").read_text())
    (difference,) = comparison["differences"].values()
    assert difference["low"] <= difference["mean"] <= difference["high"]
    by_hand = (
        results(out / "tracker=flow")["mean"]["J&F"] - results(out / "tracker=copy")["mean"]["J&F"]
    )
    assert difference["mean"] == pytest.approx(by_hand)
    assert "tracker=flow" in capfd.readouterr().out


def test_two_runs_are_compared(tmp_path, davis, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for tracker in ("copy", "flow"):
        out = f"out=runs/tracker={tracker}"  # as a sweep names its runs
        assert benchmark(f"dataset.root={davis}", f"tracker={tracker}", out) == 0
    names = ["runs/tracker=copy", "runs/tracker=flow"]
    assert main(["benchmark", f"compare=[{','.join(names)}]", "out=both"]) == 0
    page = Path("both/comparison.html").read_text()
    assert "runs/tracker=flow" in page
    assert "<svg" in page
    found = json.loads(Path("both/comparison.json").read_text())
    quoted = ",".join(f'"{name}"' for name in names)
    for place, words in enumerate(
        (",".join(names), f"[{', '.join(names)}]", f"[{quoted}]", "runs")
    ):
        assert main(["benchmark", f"compare={words}", f"out=again{place}"]) == 0
        again = json.loads(Path(f"again{place}/comparison.json").read_text())
        assert list(again["differences"].values()) == list(found["differences"].values())


def test_a_policy_beside_the_users_settings_is_found(tmp_path, monkeypatch):
    """`--config-dir` is where Python looks too; PYTHONPATH is not needed."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "memory").mkdir()
    (tmp_path / "policy_beside.py").write_text("from sam2track.memory import FifoMemory as Mine\n")
    text = "_target_: policy_beside.Mine\n_partial_: true\nrecent: 2\n"
    (tmp_path / "memory" / "mine.yaml").write_text(text)
    found = Loader("track", config_dir=str(tmp_path)).load_configuration(
        "track", ["memory=mine"], RunMode.RUN
    )
    assert instantiate(found.memory).func is FifoMemory
