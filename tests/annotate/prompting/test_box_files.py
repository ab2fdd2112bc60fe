"""Boxes of other programs as prompts, and files of them that are malformed."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from annotate.small_project import LENGTH, clip_project, tiny_engine
from tiny import SIZE, square_mask

from sam2track import Frame, Prompt
from sam2track.annotate.jobs import Jobs
from sam2track.annotate.prompting import box_files
from sam2track.annotate.prompting.automatic import FoundPrompts
from sam2track.annotate.prompting.box_files import is_box_file, read_box_file
from sam2track.annotate.prompting.sources import found_in, given_by, may_detect, prompt_source
from sam2track.masks import encode_runs

HEIGHT, WIDTH = SIZE


@pytest.fixture
def project(tmp_path):
    with clip_project(tmp_path) as made:
        yield made


def coco(*annotations, name="a", size=(WIDTH, HEIGHT), images=LENGTH):
    """A COCO file of a video; annotations are image, box, and other keys."""
    wide, high = size
    return {
        "images": [
            {"id": k + 1, "file_name": f"{name}/{k:03d}.png", "width": wide, "height": high}
            for k in range(images)
        ],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
        "annotations": [
            {"id": n, "image_id": image, "bbox": list(box), "category_id": 2, **more}
            for n, (image, box, more) in enumerate(annotations, 1)
        ],
    }


def write(path, content):
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8")
    return path


def read(project, path, **options):
    given = read_box_file(path, project.video("a"), **options)
    return given.find or given.placed


TRACKS = "1,7,11,11,20,20,1,-1,-1,-1\n" + "".join(
    f"{frame},3,{frame},1,20,20,1,-1,-1,-1\n" for frame in range(1, LENGTH + 1)
)


def test_tracks_are_prompted_on_keyframes(project, tmp_path):
    path = write(tmp_path / "gt.txt", TRACKS)
    placed = read(project, path, every=5)
    assert [(own.object_id, own.frame) for own in placed] == [(3, 0), (3, 5), (3, 10), (7, 0)]
    assert placed[1].prompt.box.tolist() == [5, 0, 25, 20]
    assert placed[3].source == "gt.txt, track 7"
    assert [own.frame for own in read(project, path, every=0)] == [0, 0]


def test_a_coco_file_is_read_once_for_all_videos(project, tmp_path, monkeypatch):
    reads, whole = [], box_files.read
    monkeypatch.setattr(
        box_files, "read", lambda *given, **more: reads.append(given) or whole(*given, **more)
    )
    path = write(tmp_path / "boxes.json", coco((1, (10, 10, 20, 20), {})))
    blank = np.zeros((*SIZE, 3), np.uint8)

    def seen():
        return [
            own.prompt.box.tolist()
            for own in read(project, path)(Frame(0, blank), np.ones(SIZE, bool))
        ]

    assert seen() == seen() == [[10, 10, 30, 30]]
    assert len(reads) == 1
    write(path, coco((1, (0, 0, 20, 20), {})))
    os.utime(path, ns=(1, 1))
    assert seen() == [[0, 0, 20, 20]]


def test_detections_begin_objects_where_none_is(project, tmp_path):
    lines = ["1,-1,11,11,20,20,0.9,-1,-1,-1", "1,-1,12,11,20,20,0.8,-1,-1,-1"]
    lines += ["3,-1,50,30,30,20,0.2,-1,-1,-1"]
    path = write(tmp_path / "det.txt", "\n".join(lines))
    find = read(project, path, least_score=0.5)
    seen = find(Frame(0, np.zeros((*SIZE, 3), np.uint8)), np.ones(SIZE, bool))
    assert [own.prompt.box.tolist() for own in seen] == [[10, 10, 30, 30], [11, 10, 31, 30]]
    assert not find(Frame(2, np.zeros((*SIZE, 3), np.uint8)), np.ones(SIZE, bool))
    engine = tiny_engine()

    def begin(find):
        return FoundPrompts(project, engine, find, "detector", every=0)

    source = prompt_source(str(path))
    jobs = Jobs(project, engine, given_by(source), "ball", found=lambda *_: found_in(source, begin))
    found = jobs.run(tmp_path / "a")
    assert (found.status, found.objects) == ("done", 1), found.error
    (thing,) = project.objects()
    assert [own.name for own in project.classes()] == ["ball"]
    assert project.prompts(thing.id)[0].prompt.box.tolist() == [10, 10, 30, 30]


def test_coco_with_labels_masks_and_several_videos(project, tmp_path):
    runs = encode_runs(square_mask())
    first, second = (1, [1, 2, 20, 10], {}), (3, [0, 0, 9, 9], {"segmentation": runs})
    path = write(tmp_path / "boxes.json", coco(first, second))
    assert is_box_file(path)
    find = read(project, path)
    (box,) = find(Frame(0, np.zeros((*SIZE, 3), np.uint8)), np.ones(SIZE, bool))
    assert (box.label, box.prompt.box.tolist()) == ("dog", [1, 2, 21, 12])
    (mask,) = find(Frame(2, np.zeros((*SIZE, 3), np.uint8)), np.ones(SIZE, bool))
    assert np.array_equal(mask.prompt.mask, square_mask())
    tracks = coco((1, [1, 2, 20, 10], {"track_id": 5}), (2, [1, 2, 20, 10], {"track_id": 5}))
    (item,) = read(project, write(tmp_path / "tracks.json", tracks))
    assert (item.object_id, item.frame, item.label) == (5, 0, "dog")
    other = coco(name="b")
    for image in other["images"]:
        image["id"] += 100
    both = {**tracks, "images": tracks["images"] + other["images"]}
    assert len(read(project, write(tmp_path / "both.json", both))) == 1


def test_which_files_hold_boxes(tmp_path):
    assert is_box_file(tmp_path / "det.txt")
    assert not is_box_file(tmp_path / "no.json")
    assert not is_box_file(write(tmp_path / "p.json", [{"object": 1, "points": [[1, 2]]}]))
    assert not is_box_file(write(tmp_path / "q.json", "{"))
    assert not is_box_file(tmp_path / "mask.png")
    results = [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}]
    with pytest.raises(ValueError, match="holds COCO's results, which do not name their images"):
        is_box_file(write(tmp_path / "r.json", results))


BOX = (1, [1, 2, 20, 10], {})
MALFORMED = [
    ("det.txt", "1,-1,5", "has 3 fields; MOT has 7 to 10"),
    ("det.txt", "1,x,5,5,9,9,1", "the id is 'x'"),
    ("det.txt", "1,-1,5,5,9,9,1\n1,2,5,5,9,9,1", "the id is '-1'"),
    ("det.txt", "0,-1,5,5,9,9,1", "the frame is '0'"),
    ("det.txt", "99,-1,5,5,9,9,1", "frame 98 is not among the 12"),
    ("det.txt", "1,-1,5,5,0,9,1", "the box is 0x9"),
    ("det.txt", "1,-1,nan,5,9,9,1", "is 'nan'; it should be a number"),
    ("det.txt", "1,3,5,5,9,9,1\n1,3,5,5,9,9,1", "track 3 is on frame 0 twice"),
    ("det.txt", "\0\1\2", "MOT has 7 to 10"),
    ("b.json", {"images": 5}, "should be a list"),
    ("b.json", {}, "'categories' is missing"),
    ("b.json", coco(BOX, name="b", size=(9, 9)), "its pictures are 9x9, but 'a' is"),
    ("b.json", coco((1, [1, 2, 3], {})), "'bbox'|box"),
    ("b.json", coco((1, [1, 2, -3, 4], {})), "box"),
    ("b.json", coco((1, "x", {})), "box"),
    ("b.json", coco((77, [1, 2, 3, 4], {})), "on image 77, which is not in the file"),
    ("b.json", coco((1, [1, 2, 3, 4], {"category_id": 9})), "category 9"),
    ("b.json", coco((LENGTH + 3, [1, 2, 9, 9], {}), images=LENGTH + 5), "has 12 frames"),
    ("b.json", coco((1, [1, 2, 3, 4], {"segmentation": [[1, 2]]})), "at least three x, y"),
]


@pytest.mark.parametrize(("name", "content", "message"), MALFORMED)
def test_malformed_files_are_one_line_and_change_nothing(project, tmp_path, name, content, message):
    path, engine = write(tmp_path / name, content), tiny_engine()

    def begin(find):
        return FoundPrompts(project, engine, find, "detector")

    before = len(project.history())
    for spec in (str(path), "{folder}/" + name):
        source = prompt_source(spec)
        assert may_detect(spec) == (name == "det.txt" or spec == str(path))
        jobs = Jobs(project, engine, given_by(source), found=lambda *_: found_in(source, begin))  # noqa: B023
        found = jobs.run(tmp_path / "a")
        assert found.status == "failed"
        assert str(path) in found.error
        assert len(found.error.splitlines()) == 1
    with pytest.raises(ValueError, match=message):
        read(project, path)
    assert project.objects() == []
    assert len(project.history()) == before


def test_a_video_that_a_file_does_not_have(project, tmp_path):
    both = coco(name="b")
    more = coco(name="c")
    for image in more["images"]:
        image["id"] += 100
    both["images"] += more["images"]
    path = write(tmp_path / "b.json", both)
    with pytest.raises(ValueError, match="has no video 'a'; there are: b, c"):
        read(project, path)
    with pytest.raises(ValueError, match=r"no such file of boxes: .*no\.txt"):
        prompt_source(str(tmp_path / "no.txt"))


def test_a_box_beyond_the_border_is_cut_off(project, tmp_path):
    lines = "1,-1,-9,-9,30,30,1,-1,-1,-1\n1,-1,500,5,9,9,1,-1,-1,-1"
    find = read(project, write(tmp_path / "det.txt", lines))
    (own,) = find(Frame(0, np.zeros((*SIZE, 3), np.uint8)), np.ones(SIZE, bool))
    assert own.prompt.box.tolist() == [0, 0, 20, 20]
    assert isinstance(own.prompt, Prompt)
