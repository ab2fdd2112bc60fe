"""Changes of exported files that make them contradict themselves, and what readers say of them."""

import base64
import io
import zlib

import numpy as np
from PIL import Image

COCO = "annotations/instances_default.json"
SMALL = {"size": [5, 4], "counts": [20]}


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG")
    return file.getvalue()


def bomb():
    """A PNG that says it has 60000 x 60000 pixels."""
    content = bytearray(png(np.zeros((2, 2), np.uint8)))
    content[16:24] = (60000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    return bytes(content)


def twice(key):
    return lambda data: data[key].append(data[key][0])


def put(*path):
    *places, last, value = path

    def change(data):
        for place in places:
            data = data[place]
        data[last] = value

    return change


JSON_CASES = [
    ("coco", COCO, twice("images"), "image 1 is there twice"),
    ("coco", COCO, twice("annotations"), "annotation 1 is there twice"),
    ("coco", COCO, twice("categories"), "category 1 is there twice"),
    ("coco", COCO, twice("videos"), "video 1 is there twice"),
    ("coco", COCO, twice("tracks"), "track 1 is there twice"),
    ("coco", COCO, put("annotations", 0, "image_id", 999), "on image 999, which is not"),
    ("coco", COCO, put("annotations", 0, "category_id", 77), "has category 77, which is not"),
    (
        "coco",
        COCO,
        put("annotations", 0, "image_id", "x"),
        "'image_id' is 'x'; it should be a",
    ),
    ("coco", COCO, put("annotations", 0, "segmentation", "counts", ""), "no run-length mask"),
    (
        "coco",
        COCO,
        put("annotations", 0, "segmentation", "size", [9, 9]),
        "but 9x9 has 81",
    ),
    (
        "coco",
        COCO,
        put("annotations", 0, "segmentation", {"size": [5, 4], "counts": [20]}),
        "is 4x5",
    ),
    ("coco", COCO, put("annotations", 0, "segmentation", [[1, 2, 3]]), "at least three x, y"),
    ("coco", COCO, put("annotations", 0, "segmentation", [[1, 2, 3, "a", 5, 6]]), "at least three"),
    ("coco", COCO, put("annotations", 2, "track_id", 1), "track 1 is on frame 0 twice"),
    ("coco", COCO, put("annotations", 0, "track_id", 1 << 40), "ids are below 2147483648"),
    ("coco", COCO, put("images", 0, "frame_id", 5), "frame 5 is not among the 5 of 'cup'"),
    ("coco", COCO, put("images", 0, "frame_id", -1), "frame -1 is not among the 5 of 'cup'"),
    ("coco", COCO, put("images", 0, "file_name", "../../etc/passwd"), "leads out of"),
    ("coco", COCO, put("images", 0, "file_name", 5), "a picture is '5', not a text"),
    ("coco", COCO, put("images", 0, "height", 25), "'cup' is 37x25, but its video is 37x24"),
    ("coco", COCO, put("videos", 0, "width", 10**9), "at most 268435456 pixels"),
    ("coco", COCO, put("videos", 0, "name", "../../etc"), "'..-..-etc' is not among the known"),
    ("coco", COCO, put("categories", 1, "name", "Katze 猫"), "class 'Katze 猫' is there twice"),
    ("coco", COCO, put("categories", 0, "name", ""), "is ''; give one without"),
    ("coco", COCO, put("annotations", "all"), "'annotations' is 'all'; it should be a list"),
    (
        "tao",
        "annotations.json",
        put("tracks", 0, "id", None),
        "'id' is missing; it should be a",
    ),
    ("youtube_vis", "annotations.json", twice("videos"), "video 1 is there twice"),
    ("youtube_vis", "annotations.json", twice("annotations"), "annotation 1 is there twice"),
    (
        "youtube_vis",
        "annotations.json",
        put("annotations", 0, "segmentations", [None]),
        "'segmentations' has 1 of 5 frames",
    ),
    (
        "youtube_vis",
        "annotations.json",
        put("videos", 0, "frame_ids", [0]),
        "does not fit",
    ),
    (
        "youtube_vis",
        "annotations.json",
        put("annotations", 0, "video_id", 9),
        "has video 9",
    ),
    (
        "burst",
        "annotations.json",
        put("sequences", 0, "segmentations", []),
        "has 0 frames",
    ),
    (
        "burst",
        "annotations.json",
        put("sequences", 0, "track_category_ids", {}),
        "track 1 is not in 'track_category_ids'",
    ),
    ("sav", "cup_manual.json", put("masklet", []), "does not fit to 'masklet'"),
    ("sav", "cup_manual.json", put("masklet", 0, []), "does not have the run lengths of 4 objects"),
    ("sav", "cup_manual.json", put("video_height", 0), "'cup' is 37x0; at most"),
    (
        "datumaro",
        "annotations/default.json",
        twice("items"),
        "of video 'cup' is there",
    ),
    (
        "datumaro",
        "annotations/default.json",
        put("items", 0, "annotations", 0, "label_id", 7),
        "has label 7, which is not in the file",
    ),
    (
        "datumaro",
        "annotations/default.json",
        put("items", 0, "image", "path", "..\\..\\x"),
        "leads out of",
    ),
    (
        "youtube_vis",
        "annotations.json",
        put("videos", 0, "file_names", 0, "/etc/passwd"),
        "leads out of",
    ),
    ("labelme", "cup/00000.json", put("imagePath", "../../../etc/passwd"), "leads out of"),
    ("labelme", "cup/00000.json", put("imagePath", "/etc/passwd"), "leads out of"),
    (
        "labelme",
        "cup/00000.json",
        put("shapes", 0, "mask", "AAAA"),
        "'mask' holds no undamaged PNG",
    ),
    (
        "labelme",
        "cup/00000.json",
        put("shapes", 0, "points", [[30, 20], [9, 9]]),
        "outside the",
    ),
    (
        "labelme",
        "cup/00000.json",
        put("shapes", 0, "mask", base64.b64encode(bomb()).decode()),
        "'mask' holds no undamaged PNG|at most 268435456 pixels",
    ),
    (
        "label_studio",
        "tasks.json",
        lambda data: data.append(5),
        "is a int, not an",
    ),
    (
        "label_studio",
        "tasks.json",
        put(0, "annotations", 0, "result", 0, "value", "rle", [1, 2, 3]),
        "its stream is cut off",
    ),
    (
        "label_studio",
        "tasks.json",
        put(0, "annotations", 0, "result", 0, "value", "rle", [0, 0, 0, 9, 57, 27, 192]),
        "it holds 9 values, not 4 for each pixel",
    ),
    (
        "label_studio_video",
        "tasks.json",
        put(0, "annotations", 0, "result", 0, "value", "sequence", 0, "frame", 99),
        "frame 99 is there twice, or not one of the 5",
    ),
]


def replaced(old, new):
    return lambda text: text.replace(old, new, 1)


def last_line(text):
    return lambda content: content + text + "\n"


TEXT_CASES = [
    ("mot", "cup/gt/gt.txt", last_line("1,2,3"), "has 3 fields; MOT has 7 to 10"),
    ("mot", "cup/gt/gt.txt", last_line("1,x,1,1,2,2,1,1,1"), "the id is 'x'"),
    ("mot", "cup/gt/gt.txt", last_line("6,9,1,1,2,2,1,1,1"), "frame 5 is not among the 5"),
    ("mot", "cup/gt/gt.txt", last_line("0,9,1,1,2,2,1,1,1"), "the frame is '0'; it should"),
    ("mot", "cup/gt/gt.txt", last_line("5,9,1,1,nan,2,1,1,1"), "is 'nan'; it should be a number"),
    ("mot", "cup/gt/gt.txt", last_line("5,9,1,1,-2,2,1,1,1"), "the box is -2x2"),
    ("mot", "cup/gt/gt.txt", last_line("5,9,1,1,2,2,1,8,1"), "class 8 is not among the 3"),
    ("mot", "cup/gt/gt.txt", last_line("1,1,1,1,2,2,1,1,1"), "track 1 is on frame 0 twice"),
    ("mot", "cup/gt/gt.txt", last_line("5,1,1,1,2,2,1,2,1"), "track 1 of video 'cup' is of class"),
    (
        "mot",
        "cup/seqinfo.ini",
        replaced("seqLength=5", "seqLength=99999999999"),
        "at most",
    ),
    ("mot", "cup/seqinfo.ini", replaced("[Sequence]", ""), "does not tell the sequence"),
    ("mots", "cup/gt/gt.txt", last_line("5 1009 1 24 37"), "has 5 fields, not 6"),
    ("mots", "cup/gt/gt.txt", last_line("5 1009 1 24 38 0"), "is 38x24, but its video is 37x24"),
    ("mots", "cup/gt/gt.txt", last_line("5 1009 1 24 37 07"), "its runs cover 7 pixels"),
    ("vots", "list.txt", lambda _: "../../etc\n", "leads out of"),
    ("vots", "cup/groundtruth_001.txt", replaced("m", "m99,"), "outside the frame|its runs cover"),
    ("vots", "cup/groundtruth_001.txt", last_line("0\nm0,0,1,1,0,1"), "frame 6 is not among the 5"),
    ("vots", "cup/groundtruth_001.txt", last_line("1,2,3"), "is no region of VOT"),
    ("yolo", "data.yaml", lambda _: "names: [a, b\n", "is not valid YAML"),
    ("yolo", "data.yaml", lambda _: "train: x\n", "has no 'names' of classes"),
    ("yolo", "data.yaml", lambda _: "names: [&a [x], [*a, *a]]\n", "of a class is a list"),
    ("yolo", "labels/train/cup__00000.txt", replaced("0 ", "7 "), "class 7 is not in data.yaml"),
    ("yolo", "labels/train/cup__00000.txt", replaced("0 ", "0 9 "), "values 0..1"),
    ("yolo", "labels/train/cup__00000.txt", replaced("0 ", "0 x "), "is 'x'; it should be a"),
    ("yolo", "tracks/train/cup__00000.txt", lambda _: "1", "has 1 ids for"),
    (
        "cvat",
        "cup/annotations.xml",
        replaced('<image id="1"', '<image id="0"'),
        "image 0 is there twice",
    ),
    ("cvat", "cup/annotations.xml", replaced('width="37"', 'width="36"'), "is 36x24, but its"),
    ("cvat", "cup/annotations.xml", replaced('rle="', 'rle="99999, '), "its runs cover"),
    ("cvat", "cup/annotations.xml", replaced('left="0"', 'left="30"'), "outside the frame"),
    ("cvat", "cup/annotations.xml", replaced('rle="', 'rle="-4, '), "a run is '-4'"),
    ("cvat", "cup/annotations.xml", replaced('<image id="4"', '<image id="5"'), "frame 5 is not"),
    (
        "cvat_video",
        "cup/annotations.xml",
        replaced('points="', 'points="1;'),
        "at least three x, y",
    ),
    (
        "cvat_video",
        "cup/annotations.xml",
        replaced('<track id="2"', '<track id="1"'),
        "twice",
    ),
    ("cvat_video", "cup/annotations.xml", replaced(' frame="1"', ' frame="0"'), "on frame 0 twice"),
]
