"""Exported files, read by the tools that they are for, give the same masks.

pycocotools and our own readers of datasets are always there; the other tools are not installed with
the tests, and their tests are skipped without them.
"""

import json
import shutil
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from exchange_samples import HEIGHT, LENGTH, WIDTH, sample
from PIL import Image
from pycocotools import mask as coco_masks

from sam2track.annotate.exchange import write
from sam2track.data.readers.davis import davis
from sam2track.data.readers.sav import sav_train
from sam2track.data.readers.youtube_vos import youtube_vos

ASCII = {"Katze 猫": "cat", 'a "b" <c> & d': "dog"}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder of JPEGs, one for each frame."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for index in range(LENGTH):
        image = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        Image.fromarray(image).save(folder / f"{index:05d}.jpg")
    return folder


def shot(pictures, *, apart=False, one_part=False, boxes=False):
    """The sample, with plain names and pictures on disk."""
    own = sample(apart=apart, boxes=boxes)
    names = tuple(sorted(path.name for path in pictures.iterdir()))
    classes = tuple(replace(one, name=ASCII.get(one.name, one.name)) for one in own.classes)
    videos = []
    for number, one in enumerate(own.videos):
        video = replace(one.video, name=("cup", "road")[number], path=pictures, frame_names=names)
        tracks = one.tracks
        if one_part:
            tracks = tuple(replace(track, frames=_single(track.frames)) for track in tracks)
        videos.append(replace(one, video=video, tracks=tracks))
    return replace(own, classes=classes, videos=tuple(videos))


def _single(frames):
    """Masks of one part, with a hole."""
    result = {}
    for index, own in frames.items():
        mask = np.zeros((HEIGHT, WIDTH), bool)
        mask[3 : 15 + index, 4 + index : 20] = True
        mask[6:9, 10:12] = False
        result[index] = type(own).from_mask(mask, score=own.score)
    return result


def truth(annotations):
    """Masks by video, frame and track."""
    return {
        (own.video.name, index, track.id): frame.mask(own.video.size)
        for own in annotations.videos
        for track in own.tracks
        for index, frame in track.frames.items()
        if frame.counts is not None
    }


def equal(found, expected):
    assert found.keys() == expected.keys()
    for key, mask in expected.items():
        np.testing.assert_array_equal(np.asarray(found[key]).astype(bool), mask, str(key))


def test_coco_is_read_by_pycocotools(pictures, tmp_path):
    from pycocotools.coco import COCO

    own = shot(pictures)
    write("coco", own, tmp_path / "out")
    data = COCO(str(tmp_path / "out/annotations/instances_default.json"))
    names = {video["id"]: video["name"] for video in data.dataset["videos"]}
    found = {}
    for one in data.loadAnns(data.getAnnIds()):
        image = data.loadImgs(one["image_id"])[0]
        key = names[image["video_id"]], image["frame_id"], one["track_id"]
        found[key] = data.annToMask(one)
        assert one["area"] == found[key].sum()
    equal(found, truth(own))


def test_our_own_readers_of_datasets(pictures, tmp_path):
    own = shot(pictures, apart=True)
    write("davis", own, tmp_path / "davis", images=True)
    write("youtube_vos", own, tmp_path / "vos/train", images=True)
    for read in (
        davis(tmp_path / "davis", split="train"),
        youtube_vos(tmp_path / "vos", split="train"),
    ):
        found = {
            (one.name, index, k): mask
            for one in read
            for index in one.annotated
            for k, mask in one.masks(index).items()
        }
        equal(found, truth(own))


def test_our_own_reader_of_sav(pictures, tmp_path):
    own = shot(pictures)
    write("sav", own, tmp_path / "out", frames="every 4")
    masklets = json.loads((tmp_path / "out/cup_manual.json").read_text())
    (tmp_path / "out/cup.mp4").touch()
    read = sav_train(tmp_path / "out", names=["cup"])[0]._parts[1]
    assert read.annotated == (0, 4)
    for index in read.annotated:
        found = {
            ("cup", index, masklets["masklet_id"][k - 1]): mask
            for k, mask in read.masks(index, (HEIGHT, WIDTH)).items()
        }
        equal(found, {k: v for k, v in truth(own).items() if k[:2] == ("cup", index)})


@pytest.mark.reference
def test_coco_is_read_by_supervision(pictures, tmp_path):
    sv = pytest.importorskip("supervision")
    own = shot(pictures)
    write("coco", own, tmp_path / "out", images=True)
    data = sv.DetectionDataset.from_coco(
        str(tmp_path / "out/images"),
        str(tmp_path / "out/annotations/instances_default.json"),
        force_masks=True,
    )
    _check_supervision(data, truth(own))


@pytest.mark.reference
def test_yolo_is_read_by_supervision(pictures, tmp_path):
    sv = pytest.importorskip("supervision")
    own = shot(pictures, one_part=True)
    losses = write("yolo", own, tmp_path / "out", images=True)
    assert not [one for one in losses if "parts" in one.what]
    for split, video in (("train", "cup"), ("val", "road")):
        data = sv.DetectionDataset.from_yolo(
            str(tmp_path / f"out/images/{split}"),
            str(tmp_path / f"out/labels/{split}"),
            str(tmp_path / "out/data.yaml"),
            force_masks=True,
        )
        assert data.classes == ["cat", "dog", "unused"]
        _check_supervision(data, {k: mask for k, mask in truth(own).items() if k[0] == video})


def _check_supervision(data, masks):
    """Masks of a frame are in the order of tracks."""
    count = 0
    for path, _, detections in data:
        *folders, name = path.split("/")
        video, _, frame = name.removesuffix(".jpg").rpartition("__")
        place = video or folders[-1], int(frame)
        expected = [mask for k, mask in masks.items() if k[:2] == place]
        assert len(detections) == len(expected)
        for number, mask in enumerate(expected):
            np.testing.assert_array_equal(detections.mask[number], mask)
            count += 1
    assert count == len(masks)


@pytest.mark.reference
@pytest.mark.parametrize("name", ["youtube_vis", "davis", "mots", "mot", "tao", "burst"])
def test_trackeval_finds_no_error(name, pictures, tmp_path):
    """The export as truth and as result: HOTA is 1, and as many masks as were written are read."""
    trackeval = pytest.importorskip("trackeval")
    own = shot(pictures, apart=name in ("davis", "mots"))
    # The MOT Challenge evaluates one class, which is 1 in MOT and 2 in MOTS.
    number = 2 if name == "mots" else 1
    classes = None if name in ("davis", "mots") else ["cat"]
    write(name, own, tmp_path / "gt", classes=classes)
    tracks = [track for video in own.videos for track in video.tracks]
    count = sum(len(t.frames) for t in tracks if name == "davis" or t.class_id == number)
    data = _trackeval_dataset(trackeval, name, tmp_path)
    metric = trackeval.metrics.HOTA()
    seen = 0
    for sequence in data.seq_list:
        raw = data.get_raw_seq_data("ours", sequence)
        for one in data.class_list:
            parts = data.get_preprocessed_seq_data(raw, one)
            seen += parts["num_gt_dets"]
            if parts["num_gt_dets"]:
                result = metric.eval_sequence(parts)
                np.testing.assert_allclose(result["HOTA"], 1, atol=1e-9)
    assert seen == count


def _trackeval_dataset(trackeval, name, folder):
    """The export as TrackEval reads it, with the same as the result of a tracker ``ours``."""
    gt, results = folder / "gt", folder / "results/ours/data"
    config = {"TRACKERS_FOLDER": str(folder / "results"), "PRINT_CONFIG": False}
    if name == "davis":
        shutil.copytree(gt / "Annotations/480p", results)
        config |= {"SEQMAP_FILE": str(gt / "ImageSets/2017/train.txt")}
        return trackeval.datasets.DAVIS(config | {"GT_FOLDER": str(gt / "Annotations/480p")})
    results.mkdir(parents=True)
    if name in ("mot", "mots"):
        for video in ("cup", "road"):
            shutil.copy(gt / video / "gt/gt.txt", results / f"{video}.txt")
        config |= {"SEQ_INFO": {"cup": None, "road": None}, "SKIP_SPLIT_FOL": True}
        kind = "MotChallenge2DBox" if name == "mot" else "MOTSChallenge"
        return getattr(trackeval.datasets, kind)(config | {"GT_FOLDER": str(gt)})
    data = json.loads((gt / "annotations.json").read_text())
    if name != "burst":
        data = [{"score": 1.0, **one} for one in data["annotations"]]
    if name == "youtube_vis":  # the truth has lists of run lengths, results have strings
        for one in data:
            one["segmentations"] = [own and _compressed(own) for own in one["segmentations"]]
    (results / "results.json").write_text(json.dumps(data))
    if name == "youtube_vis":  # adds the name of a split to the path
        gt.rename(folder / "youtube_vis_train")
        (folder / "results").rename(folder / "resultsyoutube_vis_train")
        config |= {"GT_FOLDER": f"{folder}/", "SPLIT_TO_EVAL": "train"}
        return trackeval.datasets.YouTubeVIS(config)
    kind = {"tao": "TAO", "burst": "BURST"}[name]
    return getattr(trackeval.datasets, kind)(config | {"GT_FOLDER": str(gt)})


def _compressed(runs):
    packed = coco_masks.frPyObjects(runs, *runs["size"])
    return {"size": runs["size"], "counts": packed["counts"].decode()}


@pytest.mark.reference
@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("datumaro", "datumaro"),
        ("coco", "coco_instances"),
        ("mots_png", "mots"),
        ("cvat", "cvat"),
        ("cvat_video", "cvat"),
    ],
)
def test_datumaro_reads_it(name, theirs, pictures, tmp_path):
    dm = pytest.importorskip("datumaro")
    own = shot(pictures, apart=name == "mots_png")
    write(name, own, tmp_path / "out", images=True)
    found = {}
    folders = [tmp_path / "out"]
    if name.startswith("cvat"):
        folders = [tmp_path / "out/cup", tmp_path / "out/road"]
    for folder in folders:
        for item in dm.Dataset.import_from(str(folder), theirs):
            video = folder.name if name.startswith("cvat") else item.id.split("/")[0]
            if name == "mots_png":
                video = item.subset
            index = int(item.id[-5:])
            if name == "cvat_video":
                index = int(item.attributes["frame"])
            for one in item.annotations:
                if one.attributes.get("outside") or one.type.name == "bbox":
                    continue
                if one.type.name == "mask":
                    mask = one.image
                else:
                    mask = dm.util.mask_tools.rles_to_mask([one.points], WIDTH, HEIGHT)
                found[video, index, int(one.attributes["track_id"])] = mask
    equal(found, truth(own))


@pytest.mark.reference
def test_masks_of_cvat_are_read_by_its_sdk(pictures, tmp_path):
    masks = pytest.importorskip("cvat_sdk.masks")
    own = shot(pictures)
    write("cvat", own, tmp_path / "out")
    found = {}
    for video in ("cup", "road"):
        for image in ET.parse(tmp_path / f"out/{video}/annotations.xml").getroot().iter("image"):
            for shape in image:
                left, top, width, height = (
                    int(shape.get(key)) for key in ("left", "top", "width", "height")
                )
                runs = [int(value) for value in shape.get("rle").split(",")]
                points = [*runs, left, top, left + width - 1, top + height - 1]
                key = video, int(image.get("id")), int(shape.get("group_id"))
                found[key] = masks.decode_mask(points, image_width=WIDTH, image_height=HEIGHT)
                assert masks.encode_mask(found[key]) == points
    equal(found, truth(own))


@pytest.mark.reference
def test_label_studio_sdk_reads_masks(pictures, tmp_path):
    brush = pytest.importorskip("label_studio_sdk.converter.brush")
    from label_studio_sdk.converter import Converter

    own = shot(pictures)
    write("label_studio", own, tmp_path / "out")
    found = {}
    tasks = json.loads((tmp_path / "out/tasks.json").read_text())
    for task in tasks:
        for region in task["annotations"][0]["result"]:
            rle = region["value"]["rle"]
            pixels = brush.decode_rle(rle).reshape(HEIGHT, WIDTH, 4)
            key = task["data"]["video"], task["data"]["frame"], region["meta"]["track_id"]
            found[key] = pixels[..., 3] > 0
            assert pixels.max() in (0, 255)
            assert rle == brush.encode_rle(pixels.ravel())[: len(rle)]  # theirs has more padding
    equal(found, truth(own))
    config = (tmp_path / "out/config.xml").read_text()
    (tmp_path / "npy").mkdir()
    converter = Converter(config, project_dir=str(tmp_path))
    converter.convert(
        str(tmp_path / "out/tasks.json"), str(tmp_path / "npy"), "BRUSH_TO_NUMPY", is_dir=False
    )
    areas = sorted(int((np.load(path) > 0).sum()) for path in (tmp_path / "npy").glob("*.npy"))
    assert areas == sorted(int(mask.sum()) for mask in truth(own).values())


@pytest.mark.reference
def test_label_studio_sdk_reads_boxes(pictures, tmp_path):
    video = pytest.importorskip(
        "label_studio_sdk._extensions.label_studio_tools.postprocessing.video"
    )
    own = shot(pictures)
    write("label_studio_video", own, tmp_path / "out", frames="every 2")
    tasks = json.loads((tmp_path / "out/tasks.json").read_text())
    for task, one in zip(tasks, own.videos, strict=True):
        for region in video.extract_key_frames(task["annotations"][0]["result"]):
            track = next(t for t in one.tracks if t.id == region["meta"]["track_id"])
            shown = {entry["frame"] - 1 for entry in region["value"]["sequence"]}
            chosen = {index for index in track.frames if index % 2 == 0}
            between = {k + 1 for k in chosen if k + 2 in chosen}
            assert shown == chosen | between


@pytest.mark.reference
def test_vot_toolkit_reads_masks(pictures, tmp_path, monkeypatch):
    # Its package attributee uses this wrongly, and does without where it is missing.
    monkeypatch.delattr("typing.dataclass_transform", raising=False)
    common = pytest.importorskip("vot.dataset.common")
    own = shot(pictures)
    write("vots", own, tmp_path / "out", images=True)
    assert common.list_sequences(str(tmp_path / "out")) == ["cup", "road"]
    found = {}
    for video in ("cup", "road"):
        sequence = common.read_sequence(str(tmp_path / "out" / video))
        assert len(sequence) == LENGTH
        for index in range(LENGTH):
            for key in sequence.objects():
                region = sequence.frame(index).object(key)
                if type(region).__name__ == "Mask":
                    mask = np.zeros((HEIGHT, WIDTH), bool)
                    x, y = region.offset
                    height, width = region.mask.shape
                    mask[y : y + height, x : x + width] = region.mask
                    found[video, index, int(key)] = mask
    equal(found, truth(own))


@pytest.mark.reference
def test_labelme_reads_masks(pictures, tmp_path):
    labelme = pytest.importorskip("labelme._label_file")
    own = shot(pictures)
    write("labelme", own, tmp_path / "out", images=True)
    found = {}
    for path in sorted((tmp_path / "out").glob("*/*.json")):
        for shape in labelme.read_label_file(filename=str(path)).shapes:
            (x0, y0), (x1, y1) = np.array(shape["points"], int).tolist()
            mask = np.zeros((HEIGHT, WIDTH), bool)
            mask[y0 : y1 + 1, x0 : x1 + 1] = shape["mask"]
            found[path.parent.name, int(path.stem), shape["group_id"]] = mask
    equal(found, truth(own))
