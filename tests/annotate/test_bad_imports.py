"""Over fifty malformed files, imported: one clear line each, and the project is unchanged."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from exchange_samples import CLASSES, FORMATS_APART, HEIGHT, LENGTH, WIDTH, sample, single_parts
from malformed_imports import JSON_CASES, TEXT_CASES, bomb, png
from PIL import Image

from sam2track.annotate import Project
from sam2track.annotate.exchange import read, write
from sam2track.annotate.transfer import add_annotations, exchanged_video
from sam2track.cli import main

DTD = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]><annotations>&y;</annotations>'
OUTSIDE = '<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotations/>'
# Formats, files, and what is written into them.
CONTENTS = [
    ("cvat", "cup/annotations.xml", DTD),
    ("cvat", "cup/annotations.xml", OUTSIDE),
    ("cvat", "cup/annotations.xml", "<annotations><image id="),
    ("cvat_video", "cup/annotations.xml", DTD),
    ("coco", "annotations/instances_default.json", "{"),
    ("coco", "annotations/instances_default.json", "[" * 200_000),
    ("coco", "annotations/instances_default.json", "[NaN]"),
    ("coco", "annotations/instances_default.json", b"\xff\xfe\x00"),
    ("davis", "Annotations/480p/cup/00002.png", bomb()),
    ("davis", "Annotations/480p/cup/00002.png", b"no png"),
    ("davis", "Annotations/480p/cup/00002.png", png(np.zeros((24, 36), np.uint8))),
    ("mots_png", "cup/instances/00002.png", png(np.zeros((24, 37, 3), np.uint8))),
]


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """An undamaged export in each format."""
    folder = tmp_path_factory.mktemp("exports")
    for name in {case[0] for case in (*JSON_CASES, *TEXT_CASES, *CONTENTS)}:
        own = sample(apart=name in FORMATS_APART)
        write(name, single_parts(own) if name == "yolo" else own, folder / name)
    return folder


@pytest.fixture
def project(tmp_path):
    """A project with the videos of the sample, as folders of pictures, and one object."""
    with Project.create(tmp_path / "P", who="test") as made:
        for number, own in enumerate(sample().videos):
            folder = tmp_path / own.video.name
            folder.mkdir()
            for index in range(LENGTH):
                grey = np.full((HEIGHT, WIDTH, 3), 40 * index + number, np.uint8)
                Image.fromarray(grey).save(folder / f"{index:05d}.png")
        made.add_videos([tmp_path / own.video.name for own in sample().videos])
        for own in CLASSES:
            made.add_class(own.name, own.colour, own.attributes)
        thing = made.add_object("cup", "Katze 猫")
        made.edit_mask(thing.id, 0, np.ones((HEIGHT, WIDTH), bool))
        yield made


def dump(project):
    """All that is in the database."""
    tables = ("videos", "classes", "objects", "log", "edited", "propagated", "reviews")
    return [[tuple(row) for row in project.store.rows(f"SELECT * FROM {one}")] for one in tables]


def import_file(project, name, path):
    """What ``sam2track import`` does."""
    videos = [exchanged_video(project, video) for video in project.videos()]
    annotations, _ = read(name, path, videos=videos, classes=project.classes())
    add_annotations(project, annotations, source=str(path))


def damaged(exports, folder):
    """Folders with a damaged file in each, with its format."""
    for number, (name, file, change, _) in enumerate((*JSON_CASES, *TEXT_CASES)):
        path = shutil.copytree(exports / name, folder / str(number))
        before = (path / file).read_text(encoding="utf-8")
        if file.endswith(".json"):
            data = json.loads(before)
            change(data)
            after = json.dumps(data)
        else:
            after = change(before)
        (path / file).write_text(after, encoding="utf-8")
        yield name, path
    for number, (name, file, content) in enumerate(CONTENTS):
        path = shutil.copytree(exports / name, folder / f"c{number}")
        assert (path / file).is_file(), (name, file)
        (path / file).write_bytes(content if isinstance(content, bytes) else content.encode())
        yield name, path
    for name in ("coco", "burst", "datumaro"):  # cut off in the middle
        path = shutil.copytree(exports / name, folder / f"cut {name}")
        for file in path.rglob("*.json"):
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        yield name, path


def test_undamaged_files_are_taken(project, exports):
    """So that what is refused below is refused for its damage."""
    for path in sorted(exports.iterdir()):
        before = dump(project)
        import_file(project, path.name, path)
        assert dump(project) != before, path.name


def test_malformed_files_change_nothing(project, exports, tmp_path):
    before, kinds = dump(project), 0
    for name, path in damaged(exports, tmp_path / "bad"):
        with pytest.raises(ValueError, match=r"\w") as error:
            import_file(project, name, path)
        message = str(error.value)
        assert len(message.splitlines()) == 1, message
        assert len(message) < 400, message
        assert dump(project) == before, (name, path)
        kinds += 1
    assert kinds > 90


def test_the_command_says_it_in_one_line(project, exports, tmp_path, capfd):
    before = dump(project)
    project.close()
    cases = damaged(exports, tmp_path / "bad")
    for name, path in [next(cases) for _ in range(3)]:
        assert main(["import", f"project={tmp_path / 'P'}", f"format={name}", f"path={path}"]) == 2
        said = capfd.readouterr().err.splitlines()
        assert len(said) == 1
        assert said[0].startswith("error: ")
    with Project.open(tmp_path / "P") as again:
        assert dump(again) == before
