"""The command as a user meets it: what it writes, what it says, and how it ends."""

import contextlib
import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest
from conftest import LENGTH, square_clip, write_video
from PIL import Image
from pycocotools import mask as rle

from sam2track import Prompt, TrackingSession, load_model
from sam2track.cli import _terminate, main
from sam2track.video import open_video


@pytest.fixture
def here(tmp_path, monkeypatch, clip_path, random_nano):
    """A working folder with a clip, frames, a mask and a checkpoint in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SAM2TRACK_DEBUG", raising=False)
    os.symlink(clip_path, "clip.mp4")
    os.symlink(random_nano, "nano.safetensors")
    Path("frames").mkdir()
    for index, image in enumerate(square_clip()):
        Image.fromarray(image).save(f"frames/{index}.png")
    save_mask("first.png", boxes={1: (20, 20, 44, 44), 2: (60, 50, 90, 70)})
    return tmp_path


def save_mask(path, boxes, size=(80, 128)):
    pixels = np.zeros(size, np.uint8)
    for object_id, (x0, y0, x1, y1) in boxes.items():
        pixels[y0:y1, x0:x1] = object_id
    picture = Image.fromarray(pixels, "P")
    picture.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0])
    picture.save(path)


def track(*arguments):
    return main(["track", "checkpoint=nano.safetensors", "device=cpu", *arguments])


def masks(folder):
    return {path.name: np.asarray(Image.open(path)) for path in sorted(Path(folder).glob("*.png"))}


def one_line(capfd):
    """What was said on stderr: a single line."""
    said = capfd.readouterr().err
    assert said.startswith("error: "), said
    assert said.count("\n") == 1, said
    return said


def leftovers(folder):
    """Files under a temporary name; not what tells an interrupted run from a finished one."""
    kept = (".journal", ".finished")
    return [path for path in Path(folder).rglob(".*") if path.name not in kept]


def frame_count(path):
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_a_click_leaves_every_result(here, capfd):
    assert track("video=clip.mp4", "click=[30,30]") == 0
    out = Path("outputs/clip")
    names = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    pictures = {f"masks/{index:05d}.png" for index in range(LENGTH)}
    assert names == pictures | {
        *("overlay.mp4", "tracks.json", "preview.png", "run.yaml", ".finished")
    }
    assert frame_count(out / "overlay.mp4") == LENGTH
    assert str(out) in capfd.readouterr().out.splitlines()[-1]

    session = TrackingSession(load_model("nano", "nano.safetensors", device="cpu"), length=LENGTH)
    written = masks(out / "masks")
    tracks = json.loads((out / "tracks.json").read_text())["annotations"][0]
    with open_video("clip.mp4") as video:
        for frame in video:
            if frame.index == 0:
                session.prompt(1, Prompt.click(30, 30), frame)
            expected = session.step(frame).label_map()
            assert np.array_equal(written[f"{frame.index:05d}.png"], expected)
            segmentation = tracks["segmentations"][frame.index]
            decoded = rle.decode(segmentation) if segmentation else np.zeros_like(expected)
            assert np.array_equal(decoded, expected)


def test_a_table_of_a_run(here):
    settings = ("frames=3", "out=a", "sinks=[exchange]", "sinks.exchange.format=csv")
    assert track("video=clip.mp4", "mask=first.png", *settings) == 0
    rows = Path("a/exchange/tracks.csv").read_text().splitlines()[1:]
    first = [row for row in rows if row.split(",")[1] == "0"]
    assert {row.split(",")[2] for row in first} == {"0.000"}
    assert [row.split(",")[-1] for row in first] == ["prompt"] * 2
    assert not [row for row in rows if row.endswith("prompt") and row not in first]


def test_a_box_that_is_mostly_outside_is_told(here, capfd):
    assert track("video=clip.mp4", "box=[60,10,900,70]", "frames=1", "out=a", "sinks=png") == 0
    assert capfd.readouterr().err.splitlines()[0] == (
        "note: box=[60,10,900,70]: more than half of the box is outside the frame, which is 128 "
        "wide and 80 high; it is cut to [60,10,128,70]"
    )
    assert track("video=clip.mp4", "box=[60,10,150,70]", "frames=1", "out=b", "sinks=png") == 0
    assert "note:" not in capfd.readouterr().err


def test_a_click_that_is_given_twice_is_an_error(here, capfd):
    assert main(["track", "video=clip.mp4", "click=[30,30]", "click=[40,30]"]) == 2
    assert "several clicks of one object: click=[[30,30],[40,30]]" in one_line(capfd)


def test_a_palette_mask_holds_several_objects(here):
    assert track("video=frames/", "mask=first.png", "out=a", "sinks=[png,mot]") == 0
    first = masks("a/masks")["0.png"]  # as the picture is called
    assert first[32, 32] == 1
    assert first[60, 75] == 2
    assert Path("a/boxes.txt").read_text()


def test_objects_start_and_are_corrected_where_the_prompts_say(here):
    entries = [{"object": 1, "box": [20, 20, 44, 44]}]
    Path("a.json").write_text(json.dumps(entries))
    entries += [
        {"object": 2, "frame": 3, "mask": "first.png"},
        {"object": 1, "frame": 5, "mask": "second.png"},
    ]
    Path("b.json").write_text(json.dumps(entries))
    save_mask("second.png", boxes={1: (90, 10, 110, 30)})
    assert track("video=clip.mp4", "prompts=a.json", "out=a", "sinks=[png,coco]") == 0
    assert track("video=clip.mp4", "prompts=b.json", "out=b", "sinks=[png,coco]") == 0
    first, second = (
        {a["id"]: a["segmentations"] for a in json.loads(Path(f).read_text())["annotations"]}
        for f in ("a/tracks.json", "b/tracks.json")
    )
    assert second[2][:3] == [None] * 3
    assert second[2][3] is not None
    assert second[1][:5] == first[1][:5]
    assert second[1][5] != first[1][5]


def test_backward_and_a_limit(here):
    options = ("video=clip.mp4", "click=[30,30]")
    assert track(*options, "frame=5", "direction=-1", "out=back") == 0
    assert list(masks("back/masks")) == [f"{index:05d}.png" for index in range(6)]
    with av.open("back/overlay.mp4") as container:
        shown = [picture.to_ndarray(format="rgb24") for picture in container.decode(video=0)]
    clip = square_clip().astype(int)
    nearest = [np.abs(clip - picture).mean((1, 2, 3)).argmin() for picture in shown]
    assert nearest == [0, 1, 2, 3, 4, 5]  # it plays forward
    assert track(*options, "frame=2", "frames=3", "out=some", "sinks=png") == 0
    assert list(masks("some/masks")) == ["00002.png", "00003.png", "00004.png"]


def test_a_run_can_be_run_again(here):
    assert track("video=clip.mp4", "click=[30,30]", "out=a", "frames=4") == 0
    assert main(["track", "--config", "a/run.yaml", "out=b"]) == 0
    a, b = masks("a/masks"), masks("b/masks")
    assert a.keys() == b.keys()
    assert all(np.array_equal(a[name], b[name]) for name in a)


def test_a_new_run_replaces_the_earlier_one_and_nothing_else(here):
    sinks = "sinks=[png,overlay,coco,mot,preview]"
    assert track("video=clip.mp4", "click=[30,30]", "out=a", sinks) == 0
    Path("a/masks/notes.txt").write_text("mine")
    assert track("video=clip.mp4", "click=[30,30]", "out=a", "frames=2", "sinks=png") == 0
    names = {str(path.relative_to("a")) for path in Path("a").rglob("*") if path.is_file()}
    masks = {"masks/notes.txt", "masks/00000.png", "masks/00001.png"}
    assert names == masks | {"run.yaml", ".finished"}


def test_any_file_name_will_do(here):
    name = "it's 50% (1) = ${done}, #2 Ünï.mp4"
    os.symlink(os.path.realpath("clip.mp4"), name)
    assert track(f"video={name}", "click=[30,30]", f"out=o {name}", "frames=1", "sinks=png") == 0
    assert masks(f"o {name}/masks")


# --- Bad input: one line, exit status 2, nothing written --------------------------------------


def make_mixed_frames():
    Path("mixed").mkdir()
    for index, size in enumerate([(32, 24), (32, 24), (30, 24)]):
        Image.new("RGB", size).save(f"mixed/{index}.png")


def make_text_video():
    Path("text.mp4").write_text("This is not a video.\n" * 100)


def make_empty_video():
    with av.open("none.mp4", "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()


def make_evil_pickle():
    class Evil:
        def __reduce__(self):
            return os.mkdir, ("executed",)

    Path("evil.pt").write_bytes(pickle.dumps(Evil()))


def make_other_variant():
    from sam2track.model.sam2 import SAM2
    from sam2track.model.variants import find_variant
    from sam2track.model.weights import save_weights

    save_weights(SAM2(find_variant("nano")), "other.safetensors", "sam2.1_hiera_tiny")


def make_many_labels():
    labels = np.zeros((80, 128), np.uint16)
    labels[:20, :128:8] = 1 + np.arange(320).reshape(20, 16)
    Image.fromarray(labels).save("many.png")


def make_prompts(**entry):
    return lambda: Path("p.json").write_text(json.dumps([{"object": 1, **entry}]))


CLIP, CLICK = "video=clip.mp4", "click=[30,30]"
BAD_INPUT = {
    "no video": ([CLICK], "video= is missing", None),
    "no prompt": ([CLIP], "sam2track serve video=clip.mp4 opens a page", None),
    "no such file": (["video=nowhere.mp4", CLICK], "nowhere.mp4", None),
    "a folder without images": (["video=empty", CLICK], "empty", lambda: Path("empty").mkdir()),
    "text named .mp4": (["video=text.mp4", CLICK], "text.mp4", make_text_video),
    "no frames": (["video=none.mp4", CLICK], "none.mp4", make_empty_video),
    "no such camera": (["video=97", CLICK], "camera 97", None),
    "frames of different sizes": (["video=mixed", "click=[3,3]"], "30x24", make_mixed_frames),
    "a click outside": ([CLIP, "click=[128,30]"], "outside the frame", None),
    "a label of 2": ([CLIP, CLICK, "labels=[2]"], "label 2 is neither", None),
    "an empty box": ([CLIP, "box=[50,10,50,40]"], "is empty", None),
    "an empty mask": (
        [CLIP, "mask=none.png"],
        "is empty",
        lambda: save_mask("none.png", boxes={}),
    ),
    "a mask of another size": (
        [CLIP, "mask=other.png"],
        "64 x 48",
        lambda: save_mask("other.png", boxes={1: (1, 1, 9, 9)}, size=(48, 64)),
    ),
    "a frame beyond the end": ([CLIP, CLICK, "frame=8"], "frames 0 to 7", None),
    "a frame that is left out": (
        [CLIP, "prompts=p.json", "frames=2"],
        "frame 5 is not among the frames=2",
        lambda: Path("p.json").write_text(
            json.dumps([{"object": 1, "frame": f, "points": [[30, 30]]} for f in (0, 5)])
        ),
    ),
    "a negative object": ([CLIP, CLICK, "object=-1"], "from 1 to 255", None),
    "too large an object": ([CLIP, CLICK, "object=256"], "from 1 to 255", None),
    "a bad prompts file": ([CLIP, "prompts=p.json"], "entry 1", make_prompts(points=[[1]])),
    "a click outside in a file": (
        [CLIP, "prompts=p.json"],
        "p.json, entry 1: the click",
        make_prompts(points=[[500, 1]]),
    ),
    "no such model": ([CLIP, CLICK, "model=sam3"], "no model named 'sam3'", None),
    "no such checkpoint": ([CLIP, CLICK, "checkpoint=x.pt"], "no such checkpoint", None),
    "a checkpoint of another variant": (
        [CLIP, CLICK, "checkpoint=other.safetensors"],
        "holds sam2.1_hiera_tiny, but model=nano was asked for",
        make_other_variant,
    ),
    "a pickle": ([CLIP, CLICK, "checkpoint=evil.pt"], "was not executed", make_evil_pickle),
    "no such device": ([CLIP, CLICK, "device=gpu"], "device 'gpu' is unknown", None),
    "no such precision": (
        [CLIP, CLICK, "precision=fp8"],
        "precision=fp8: must be auto, fp32, bf16 or fp16",
        None,
    ),
    "no such direction": ([CLIP, CLICK, "direction=2"], "direction=2: must be 1, -1", None),
    "nobody's home": (["video=~name.mp4", CLICK], "no user 'name.mp4'", None),
    "a part in both directions": (
        [CLIP, CLICK, "direction=both", "frames=3"],
        "for a part of it run direction=1 and direction=-1",
        None,
    ),
    "more objects than a palette has": (
        [CLIP, "mask=many.png"],
        "object id 256 does not fit a palette PNG",
        make_many_labels,
    ),
    "no frame rate": ([CLIP, CLICK, "fps=fast"], "fps=fast: must be a number", None),
    "no frames to track": ([CLIP, CLICK, "frames=0"], "frames=0", None),
    "out is a file": ([CLIP, CLICK, "out=clip.mp4"], "is a file, not a folder", None),
    "out is under a file": ([CLIP, CLICK, "out=clip.mp4/a"], "is a file, not a folder", None),
    "out cannot be made": ([CLIP, CLICK, "out=/proc/none/a"], "/proc takes no files", None),
    "out holds other things": ([CLIP, CLICK, "out=frames"], "holds other files", None),
    "no threads": ([CLIP, CLICK, "threads=0"], "threads=0: must be a whole number", None),
    "half a thread": ([CLIP, CLICK, "threads=0.5"], "threads=0.5: must be", None),
    "no tiles": ([CLIP, CLICK, "sinks.preview.tiles=0"], "tiles is 0", None),
    "a misspelt option": ([CLIP, "clik=[30,30]"], "did you mean click?", None),
    "a misspelt sink": ([CLIP, CLICK, "sinks=[pgn]"], "did you mean png?", None),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_ends_in_one_line(here, capfd, case):
    arguments, message, make = BAD_INPUT[case]
    if make is not None:
        make()
    before = set(here.rglob("*"))
    assert track(*arguments) == 2
    assert message in one_line(capfd)
    assert set(here.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trak"], "did you mean track?"),
        (["sing"], "verbs are: track"),
        (["track", "--config"], "--config: expected one argument"),
        (["track", "--cfg", "jobs"], "invalid choice: 'jobs'"),
        (["track", "--config-name", "x"], "--config-name is not for use here"),
        (["track", "--config-dir", "nowhere"], "--config-dir nowhere: no such folder"),
    ],
)
def test_bad_commands_end_in_one_line(capfd, arguments, message):
    assert main(arguments) == 2
    assert message in one_line(capfd)


def test_a_traceback_comes_when_asked_for(here, capfd, monkeypatch):
    monkeypatch.setenv("SAM2TRACK_DEBUG", "1")
    assert track("video=nowhere.mp4", CLICK) == 2
    assert "Traceback" in capfd.readouterr().err


def test_help_and_version(capfd):
    assert main(["--help"]) == 0
    assert "sam2track track video=" in capfd.readouterr().out
    assert main(["track", "--help"]) == 0
    assert "precision=auto" in capfd.readouterr().out
    assert main([]) == 2


# --- Faults during the run: what is finished stays and is valid -------------------------------


def test_a_truncated_video_is_tracked_as_far_as_it_goes(here, capfd):
    whole = write_video(here / "whole.mp4", square_clip(), options={"movflags": "+faststart"})
    data = whole.read_bytes()
    Path("cut.mp4").write_bytes(data[: len(data) * 7 // 10])
    assert track("video=cut.mp4", CLICK, "out=a") == 1
    said = one_line(capfd)
    written = masks("a/masks")
    assert 0 < len(written) < LENGTH
    assert f"stops at frame {len(written)} of {LENGTH}" in said
    assert frame_count("a/overlay.mp4") == len(written)
    tracks = json.loads(Path("a/tracks.json").read_text())
    assert tracks["videos"][0]["length"] == len(written)
    assert not leftovers("a")


def start(*arguments, **options):
    """The command as a process of its own."""
    command = [sys.executable, "-m", "sam2track", "track", "checkpoint=nano.safetensors"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    return subprocess.Popen(
        [*command, "device=cpu", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **{"preexec_fn": _hear_interrupts, **options},
    )


def _hear_interrupts():
    """Of a shell's background job SIGINT is ignored, and that is inherited: not here."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_keeps_what_is_finished(here, number, status):
    write_video(here / "long.mp4", np.concatenate([square_clip()] * 100))
    process = start("video=long.mp4", CLICK, "out=a")
    deadline = time.monotonic() + 120
    while not Path("a/masks/00003.png").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(number)
    process.send_signal(number)  # impatience must not break the files
    _, said = process.communicate(timeout=60)
    assert process.returncode == status, said
    assert said.startswith("error: interrupted after frame "), said
    assert said.count("\n") == 1
    written = masks("a/masks")
    assert 4 <= len(written) < 100 * LENGTH
    assert frame_count("a/overlay.mp4") == len(written)
    assert json.loads(Path("a/tracks.json").read_text())["videos"][0]["length"] == len(written)
    assert Image.open("a/preview.png").size[0] > 0
    assert not leftovers("a")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
def test_a_forked_worker_that_is_ended_just_ends(capfd):
    worker = multiprocessing.get_context("fork").Process(target=_terminate)
    worker.start()
    worker.join(30)
    assert worker.exitcode == 143
    assert capfd.readouterr().err == ""


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 64 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    with contextlib.suppress(FileNotFoundError):
        if subprocess.run(mount, capture_output=True).returncode == 0:
            yield folder
            subprocess.run(["umount", str(folder)], check=True)
            return
    pytest.skip("may not mount a small disk here")


def check_refused(process, out, reason):
    _, said = process.communicate(timeout=120)
    assert process.returncode == 1, said
    assert said.startswith("error: cannot write"), said
    assert said.count("\n") == 1
    assert reason in said
    assert not leftovers(out)
    for picture in masks(Path(out) / "masks").values():
        assert picture.shape == (80, 128)


def test_a_full_disk_leaves_nothing_half_written(here, small_disk):
    noise = np.random.default_rng(0).integers(0, 255, (40, 80, 128, 3), dtype=np.uint8)
    write_video(here / "noise.mp4", noise)
    process = start("video=noise.mp4", CLICK, f"out={small_disk}/a")
    check_refused(process, f"{small_disk}/a", "No space left on device")


def test_a_file_that_may_not_grow_leaves_nothing_half_written(here):
    resource = pytest.importorskip("resource")
    noise = np.random.default_rng(0).integers(0, 255, (40, 80, 128, 3), dtype=np.uint8)
    write_video(here / "noise.mp4", noise)

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    process = start("video=noise.mp4", CLICK, "out=a", preexec_fn=limit)
    check_refused(process, "a", "File too large")
