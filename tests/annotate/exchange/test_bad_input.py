"""Files that are damaged, contradict themselves or do harm: an error of one line."""

import json

import numpy as np
import pytest
from exchange_samples import CLASSES, FORMATS_APART, sample, single_parts
from malformed_imports import JSON_CASES, TEXT_CASES, bomb, png

from sam2track.annotate.exchange import FORMATS, read, write

READABLE = [name for name, own in FORMATS.items() if own.read]


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """An undamaged export in each format."""
    folder = tmp_path_factory.mktemp("exports")
    for name in READABLE:
        own = sample(apart=name in FORMATS_APART)
        write(name, single_parts(own) if name == "yolo" else own, folder / name)
    return folder


@pytest.fixture
def export(exports, tmp_path):
    """A function that copies an export, to be damaged."""
    import shutil

    def copied(name):
        return shutil.copytree(exports / name, tmp_path / name)

    return copied


def refused(name, path, message, videos=None):
    """Reading fails with one line."""
    known = [own.video for own in sample().videos] if videos is None else videos
    with pytest.raises(ValueError, match=message) as error:
        read(name, path, videos=known, classes=CLASSES)
    assert len(str(error.value).splitlines()) == 1
    assert type(error.value) is ValueError or "VideoError" in str(type(error.value))


def edit_json(path, change):
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


@pytest.mark.parametrize(("name", "file", "change", "message"), JSON_CASES)
def test_json_that_contradicts_itself(name, file, change, message, export):
    folder = export(name)
    edit_json(folder / file, change)
    refused(name, folder, message)


@pytest.mark.parametrize(("name", "file", "change", "message"), TEXT_CASES)
def test_text_that_contradicts_itself(name, file, change, message, export):
    folder = export(name)
    before = (folder / file).read_text()
    after = change(before)
    assert after != before
    (folder / file).write_text(after)
    refused(name, folder, message)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]><annotations>&y;</annotations>',
            "DTD",
        ),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotations/>', "has a document type"),
        ("<annotations><image id=", "is not valid XML"),
        ("<html/>", "begins with <html>, not <annotations>"),
        ("", "is not valid XML"),
    ],
)
def test_xml_that_does_harm(content, message, tmp_path):
    (tmp_path / "annotations.xml").write_text(content)
    refused("cvat", tmp_path, message)
    (tmp_path / "config.xml").write_text(content)
    (tmp_path / "tasks.json").write_text("[]")
    if content != "<html/>":
        refused("label_studio", tmp_path, "config.xml")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not valid JSON"),
        ("", "is not valid JSON"),
        ("[" * 200_000, "is nested too deeply"),
        ("[NaN]", "NaN is no number"),
        ("1" * 5000, "is not valid JSON"),
        ("[]", "is a list, not an object|is not"),
        ('"text"', "is a str, not an object"),
        ("null", "is a NoneType, not an object"),
    ],
)
def test_json_that_is_something_else(content, message, tmp_path):
    path = tmp_path / "file.json"
    path.write_text(content)
    for name in ("coco", "tao", "burst", "sav", "datumaro"):
        refused(name, path, message)
    path.write_bytes(b"\xff\xfe\x00")
    refused("coco", path, "is not UTF-8 text")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no png", "is not an undamaged PNG"),
        (bomb(), "at most 268435456 pixels|is not an undamaged PNG"),
        (png(np.zeros((24, 36), np.uint8)), "is 36x24, but its video is 37x24"),
        (png(np.zeros((24, 37, 3), np.uint8)), "has colours"),
        (png(np.ones((24, 37), np.uint8))[:-30], "is not an undamaged PNG"),
    ],
)
@pytest.mark.parametrize("name", ["davis", "mots_png"])
def test_pngs(name, content, message, export):
    folder = export(name)
    next(folder.rglob("00002.png")).write_bytes(content)
    refused(name, folder, message)


def test_a_link_that_leads_out_is_not_followed(export, tmp_path):
    folder = export("vots")
    (tmp_path / "elsewhere").mkdir()
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    (folder / "list.txt").write_text("linked\n")
    refused("vots", folder, "leads out of")


def test_something_that_is_no_file(export, tmp_path):
    folder = export("coco")
    (folder / "annotations/instances_default.json").unlink()
    (folder / "annotations/instances_default.json").symlink_to("/dev/zero")
    refused("coco", folder, "is no regular file")


def test_results_without_a_size_say_what_to_do(tmp_path):
    (tmp_path / "boxes.txt").write_text("1,1,1,1,2,2,0.5,-1,-1,-1\n")
    refused("mot", tmp_path / "boxes.txt", "the size of video 'boxes' is not known; add", [])


@pytest.mark.parametrize("name", READABLE)
def test_a_folder_of_something_else(name, tmp_path):
    (tmp_path / "notes.md").write_text("hello")
    refused(name, tmp_path, str(tmp_path))
    refused(name, tmp_path / "missing", "no such file or folder")


@pytest.mark.parametrize("name", READABLE)
def test_videos_that_are_not_known(name, export):
    from sam2track.annotate import Video

    others = [Video("one", 37, 24, 5), Video("two", 37, 24, 5)]
    folder = export(name)
    refused(name, folder, "is not among the known ones: one, two; add it first, or", others)
    refused(name, folder, "is not among the known ones: one; add it first, or", others[:1])


@pytest.mark.parametrize("name", READABLE)
def test_any_damage_is_an_error_of_one_line_or_none(name, export):
    """Each file cut off, overwritten or with bits turned: never another kind of error."""
    folder = export(name)
    videos = [own.video for own in sample().videos]
    rng = np.random.default_rng(0)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in [files[k] for k in rng.permutation(len(files))[:6]]:
        content = path.read_bytes()
        places = rng.integers(0, max(len(content), 1), 6)
        damaged = [content[:place] for place in places[:3]]
        for place in places[3:]:
            turned = bytearray(content)
            if turned:
                turned[place] ^= 1 << int(rng.integers(8))
            damaged.append(bytes(turned))
        for one in damaged:
            path.write_bytes(one)
            message = "none"
            try:
                read(name, folder, videos=videos)
            except ValueError as error:
                message = str(error)
            assert len(message.splitlines()) == 1, message
        path.write_bytes(content)
