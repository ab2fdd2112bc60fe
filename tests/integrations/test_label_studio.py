"""The backend for Label Studio: its requests, and answers that its own SDK accepts."""

from __future__ import annotations

import http.server
import threading
from functools import partial

import numpy as np
import pytest
from conftest import HEIGHT, LENGTH, WIDTH, square_clip
from PIL import Image

pytest.importorskip("fastapi", reason="needs sam2track[serve]")
pytest.importorskip("httpx", reason="needs httpx")

from fastapi.testclient import TestClient

from sam2track import load_model
from sam2track.annotate.recent import Recent
from sam2track.integrations.label_studio import Backend, TaskFiles, guarded, make_app
from sam2track.integrations.label_studio import backend as label_studio
from sam2track.integrations.label_studio.backend import KEPT_REGIONS

VIDEO = """<View><Video name="video" value="$video"/>
<VideoRectangle name="box" toName="video"/>
<Labels name="label" toName="video"><Label value="car"/><Label value="dog"/></Labels></View>"""
BRUSH = """<View><Image name="img" value="$image"/>
<KeyPointLabels name="kp" toName="img" smart="true"><Label value="dog"/></KeyPointLabels>
<RectangleLabels name="rect" toName="img" smart="true"><Label value="dog"/></RectangleLabels>
<BrushLabels name="mask" toName="img"><Label value="car"/><Label value="dog"/></BrushLabels>
</View>"""
BITMASK = BRUSH.replace("BrushLabels", "BitmaskLabels")


def percent(index):
    """The square of the clip on a frame, as Label Studio has it."""
    return {
        "x": 100 * (20 + 4 * index) / WIDTH,
        "y": 100 * 20 / HEIGHT,
        "width": 100 * 24 / WIDTH,
        "height": 100 * 24 / HEIGHT,
    }


def key(frame, *, enabled=True):
    about = {"frame": frame, "enabled": enabled, "rotation": 0, "time": (frame - 1) / 10}
    return about | percent(frame - 1)


def box_region(*sequence, count=LENGTH, name="r1"):
    value = {"framesCount": count, "duration": LENGTH / 10, "sequence": list(sequence)}
    value["labels"] = ["dog"]
    about = {"type": "videorectangle", "from_name": "box", "to_name": "video"}
    return {"id": name, "value": value, **about}


@pytest.fixture(scope="module")
def root(tmp_path_factory, clip_path):
    folder = tmp_path_factory.mktemp("root")
    (folder / "a").mkdir()
    (folder / "a" / "clip.mp4").write_bytes(clip_path.read_bytes())
    (folder / "upload" / "1").mkdir(parents=True)
    Image.fromarray(square_clip()[0]).save(folder / "upload" / "1" / "ä b.png")
    return folder


@pytest.fixture(scope="module")
def backend(root):
    return Backend(load_model("nano", device="cpu"), TaskFiles(root), name="nano")


@pytest.fixture
def ask(backend):
    client = TestClient(make_app(backend), raise_server_exceptions=False)

    def post(config, data, *regions, status=200):
        body = {
            "tasks": [{"id": 5, "data": data, "project": 1}],
            "project": "1.1700000000",
            "label_config": config,
            "params": {"login": None, "password": None, "context": {"result": list(regions)}},
        }
        answer = client.post("/predict", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()["results"][0] if status == 200 else answer.json()["error"]

    return post


def test_it_is_up_and_tells_its_version(backend):
    client = TestClient(make_app(backend))
    assert client.get("/health").json()["status"] == "UP"
    body = {"project": "1.17", "schema": VIDEO, "hostname": "http://localhost:8080"}
    assert client.post("/setup", json=body).json() == {"model_version": "sam2track nano"}
    assert client.post("/webhook", json={"action": "START_TRAINING"}).status_code == 200
    assert client.get("/versions").json() == {"versions": ["sam2track nano"]}


@pytest.mark.parametrize(
    ("host", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("127.0.0.1", {"Host": "evil.example"}, 403),
        ("127.0.0.1", {"Origin": "http://evil.example"}, 403),
        ("0.0.0.0", {"Host": "gpu-3:9090"}, 200),
        ("0.0.0.0", {"Host": "gpu-3:9090", "Origin": "http://evil.example"}, 403),
        ("127.0.0.1", {"Content-Type": "text/plain"}, 415),
    ],
)
def test_pages_of_other_sites_are_not_served(backend, host, headers, status):
    client = TestClient(guarded(make_app(backend), host), "http://localhost:9090")
    headers = {"Content-Type": "application/json"} | headers
    assert client.post("/setup", content="{}", headers=headers).status_code == status


def agreement(entry, index):
    """IoU of a box with the square, in percent coordinates."""
    truth = percent(index)
    sides = [
        max(
            0,
            min(entry[at] + entry[side], truth[at] + truth[side]) - max(entry[at], truth[at]),
        )
        for at, side in (("x", "width"), ("y", "height"))
    ]
    inner = sides[0] * sides[1]
    return inner / (entry["width"] * entry["height"] + truth["width"] * truth["height"] - inner)


LOCAL = {"video": "/data/local-files/?d=a/clip.mp4"}


def test_a_box_is_tracked_to_the_end_of_the_video(ask):
    found = ask(VIDEO, LOCAL, box_region(key(2)))
    (region,) = found["result"]
    sequence = region["value"]["sequence"]
    assert [own["frame"] for own in sequence] == list(range(2, LENGTH + 1))
    assert min(agreement(own, own["frame"] - 1) for own in sequence) > 0.75
    assert sequence[0] == pytest.approx(key(2))
    assert [own["time"] for own in sequence] == pytest.approx([k / 10 for k in range(1, LENGTH)])
    assert [own["enabled"] for own in sequence] == [True] * (LENGTH - 2) + [False]
    assert region["value"]["labels"] == ["dog"]
    assert 0 < found["score"] <= 1
    assert (region["id"], region["from_name"], region["to_name"]) == ("r1", "box", "video")


def test_two_objects_and_a_span_that_a_person_has_ended(ask):
    found = ask(
        VIDEO,
        LOCAL,
        box_region(key(1), key(3, enabled=False), key(6)),
        box_region(key(4), name="b"),
    )
    first, second = (own["value"]["sequence"] for own in found["result"])
    assert [own["frame"] for own in first] == [1, 2, 3, 6, 7, 8]
    assert [own["enabled"] for own in first] == [True, True, False, True, True, False]
    assert [own["frame"] for own in second] == [4, 5, 6, 7, 8]


def test_a_correction_is_a_prompt_from_its_frame_on(ask, backend, monkeypatch):
    told = []

    def tracked(session, read, placed, *, real=label_studio.track):
        told.append([(own.frame, own.prompt.box_in((HEIGHT, WIDTH))) for own in placed])
        return real(session, read, placed)

    monkeypatch.setattr(label_studio, "track", tracked)
    backend.tracked = Recent(KEPT_REGIONS)  # as after a new start
    first = ask(VIDEO, LOCAL, box_region(key(1), name="c"))["result"][0]
    # The same again: no tracked box has become a person's.
    drawn = backend._drawn({"id": 5}, first)
    assert [own.frame for own in drawn] == [1]
    moved = dict(first["value"]["sequence"][4], x=5.0, y=60.0)
    sequence = [moved if own["frame"] == 5 else own for own in first["value"]["sequence"]]
    again = ask(VIDEO, LOCAL, dict(first, value=dict(first["value"], sequence=sequence)))
    boxes = {own["frame"]: own for own in again["result"][0]["value"]["sequence"]}
    assert boxes[5] == moved
    assert boxes[3] == pytest.approx(first["value"]["sequence"][2])
    assert [[frame for frame, _ in prompts] for prompts in told] == [[0], [0, 4]]
    left, top = told[1][1][1].tolist()[:2]
    assert (left, top) == pytest.approx((0.05 * WIDTH, 0.6 * HEIGHT))


def test_the_tool_may_count_frames_at_another_rate(ask):
    found = ask(VIDEO, LOCAL, box_region({**key(1), "frame": 1}, count=2 * LENGTH))
    sequence = found["result"][0]["value"]["sequence"]
    assert [own["frame"] for own in sequence] == list(range(1, 2 * LENGTH + 1))
    assert agreement(sequence[8], 4) > 0.75
    assert sequence[8]["time"] == pytest.approx(0.4)


def test_tracking_may_end_after_some_frames(root):
    limited = Backend(load_model("nano", device="cpu"), TaskFiles(root), name="nano", max_frames=2)
    task = {"id": 1, "data": {"video": "a/clip.mp4"}}
    request = {"tasks": [task], "label_config": VIDEO}
    request["params"] = {"context": {"result": [box_region(key(1), key(3))]}}
    (found,) = limited.predict(request)
    assert [own["frame"] for own in found["result"][0]["value"]["sequence"]] == [1, 2, 3, 4, 5]


def click(x, y, positive=1):
    value = {"x": 100 * x / WIDTH, "y": 100 * y / HEIGHT, "width": 0.5, "keypointlabels": ["dog"]}
    return {"id": "k", "type": "keypointlabels", "is_positive": positive, "value": value}


RECTANGLE = {"id": "q", "type": "rectanglelabels", "from_name": "rect", "to_name": "img"}
RECTANGLE["value"] = {**percent(0), "rotation": 0, "rectanglelabels": ["dog"]}
UPLOAD = {"image": "/data/upload/1/%C3%A4%20b.png"}


def true_mask():
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[20:44, 20:44] = True
    return mask


def overlap(mask):
    truth = true_mask()
    return (mask & truth).sum() / (mask | truth).sum()


def test_clicks_and_a_rectangle_give_a_mask(ask, backend):
    for drawn in ([RECTANGLE], [click(32, 32), click(90, 60, 0)], [click(32, 32), RECTANGLE]):
        found = ask(BRUSH, UPLOAD, *drawn)
        (region,) = found["result"]
        assert region["type"] == "brushlabels"
        assert region["value"]["brushlabels"] == ["dog"]
        assert (region["original_width"], region["original_height"]) == (WIDTH, HEIGHT)
        from sam2track.annotate.exchange.run_lengths import decode_brush

        mask = decode_brush(region["value"]["rle"], (HEIGHT, WIDTH), "here")
        assert overlap(mask) > 0.8
    assert len(backend.encoded._values) == 1  # the picture was encoded once


def test_nothing_drawn_is_an_empty_prediction(ask):
    assert ask(BRUSH, UPLOAD) == {"model_version": "sam2track nano", "score": 0.0, "result": []}


def test_label_studio_accepts_the_answers(ask, tmp_path):
    interface = pytest.importorskip("label_studio_sdk.label_interface")
    brush = pytest.importorskip("label_studio_sdk.converter.brush")
    for config, data, drawn in (
        (VIDEO, LOCAL, [box_region(key(2))]),
        (BRUSH, UPLOAD, [RECTANGLE]),
        (BITMASK, UPLOAD, [RECTANGLE]),
    ):
        found = ask(config, data, *drawn)
        assert found["result"]
        # The SDK wants regions of VideoRectangle without the labels of another control.
        for region in found["result"]:
            region["value"].pop("labels", None)
        checked = interface.LabelInterface(config)
        assert checked.validate_prediction(found, return_errors=True) == []
    region = ask(BRUSH, UPLOAD, RECTANGLE)["result"][0]
    flat = np.array(brush.decode_rle(region["value"]["rle"]))
    assert overlap(flat.reshape(HEIGHT, WIDTH, 4)[..., 3] > 0) > 0.8


# -- what is refused


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("../secret.mp4", "is outside the folder"),
        ("/etc/hostname", "is outside the folder"),
        ("/data/local-files/?d=../../etc/hostname", "is outside the folder"),
        ("/data/upload/../../etc/hostname", "is outside the folder"),
        ("link.mp4", "is outside the folder"),
        ("a/none.mp4", "there is no file"),
        ("a", "there is no file"),
        ("http://127.0.0.1:1/clip.mp4", "--allow-host 127.0.0.1:1"),
        ("http://user@127.0.0.1:1/clip.mp4", "is not fetched"),
        ("file:///etc/hostname", "there is no file"),
        ("", "give a path or an address"),
        (["a/clip.mp4"], "give a path or an address"),
        ("a/clip.mp4\0", "give a path or an address"),
    ],
)
def test_other_files_are_not_read(ask, root, path, message):
    link = root / "link.mp4"
    if not link.is_symlink():
        (root.parent / "outside.mp4").write_bytes(b"secret")
        link.symlink_to(root.parent / "outside.mp4")
    assert message in ask(VIDEO, {"video": path}, box_region(key(1)), status=400)


class _Pages(http.server.SimpleHTTPRequestHandler):
    """Files of a folder; ``/away`` leads to another host, ``/cut`` ends early, ``/odd`` is no HTTP.

    What it was asked for is kept.
    """

    asked: list = []  # noqa: RUF012

    def do_GET(self):
        self.asked.append((self.path, self.headers.get("Authorization")))
        if self.path.startswith("/away"):
            self.send_response(302)
            self.send_header("Location", "http://localhost:1/clip.mp4")
            self.end_headers()
        elif self.path.startswith("/cut"):
            self.send_response(200)
            self.send_header("Content-Length", "10")
            self.end_headers()
            self.wfile.write(b"video")
        elif self.path.startswith("/odd"):
            self.wfile.write(b"hello\n")
        else:
            super().do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def host(root):
    _Pages.asked.clear()
    handler = partial(_Pages, directory=str(root))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()


def test_files_are_fetched_once_from_an_allowed_host(root, host, tmp_path):
    files = TaskFiles(tmp_path, [host], token="t0k")
    address = f"http://{host}/a/clip.mp4"
    path = files.find(address)
    assert path.read_bytes() == (root / "a" / "clip.mp4").read_bytes()
    assert files.find(address) == path
    assert _Pages.asked == [("/a/clip.mp4", "Token t0k")]
    with pytest.raises(ValueError, match="--allow-host localhost:1"):
        files.find(f"http://{host}/away.mp4")
    with pytest.raises(ValueError, match=r"cannot fetch .* 404"):
        files.find(f"http://{host}/none.mp4")
    for _ in range(2):  # what came of it is not kept
        with pytest.raises(ValueError, match="ended after 5 of 10 bytes"):
            files.find(f"http://{host}/cut.mp4")
    with pytest.raises(ValueError, match=r"cannot fetch .*/odd\.mp4: hello"):
        files.find(f"http://{host}/odd.mp4")
    with pytest.raises(ValueError, match="is not fetched"):
        TaskFiles(tmp_path, ["example.org"]).find(address)


@pytest.mark.parametrize(
    ("config", "data", "region", "message"),
    [
        ("<View", LOCAL, box_region(key(1)), "not valid XML"),
        ('<!DOCTYPE a [<!ENTITY x "y">]><View/>', LOCAL, box_region(key(1)), "document type"),
        ("<View/>", LOCAL, box_region(key(1)), "nothing to predict"),
        (VIDEO, {}, box_region(key(1)), "has no 'video' in its data"),
        (VIDEO, LOCAL, box_region(), "give key frames from 1"),
        (VIDEO, LOCAL, box_region({**key(1), "frame": 0}), "give key frames from 1"),
        (VIDEO, LOCAL, box_region({"frame": 1}), "is no box on a video"),
        (VIDEO, LOCAL, box_region({**key(1), "rotation": 30}), "the box is turned"),
        (VIDEO, LOCAL, box_region({**key(1), "width": 0}), "is empty"),
        (BRUSH, {"image": "a/clip.mp4"}, RECTANGLE, "clip.mp4"),
        (BRUSH, UPLOAD, {"id": "k", "type": "keypointlabels"}, "is no keypointlabels"),
        (BRUSH, UPLOAD, {"id": "k", "type": "choices"}, "no click and no rectangle"),
    ],
)
def test_bad_requests_are_one_line(ask, config, data, region, message):
    error = ask(config, data, region, status=400)
    assert message in error
    assert "\n" not in error


def test_a_request_that_is_none(backend):
    client = TestClient(make_app(backend), raise_server_exceptions=False)
    assert client.post("/predict", json={}).status_code == 400
    assert client.post("/predict", json=[1]).status_code == 422


def test_the_root_must_be_a_folder(tmp_path):
    with pytest.raises(ValueError, match="is no folder"):
        TaskFiles(tmp_path / "none")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"framesCount": 10**9}, "framesCount 1000000000 is more than"),
        ({"sequence": [dict(key(1), frame=10**30)]}, "give key frames from 1 to"),
        ({"sequence": None}, "is no box on a video"),
        (None, "it has no value"),
    ],
)
def test_a_region_that_is_wrong_is_refused_at_once(ask, change, message):
    region = box_region(key(1))
    region["value"] = None if change is None else region["value"] | change
    assert message in ask(VIDEO, {"video": "a/clip.mp4"}, region, status=400)


@pytest.mark.parametrize("params", ["x", [1], {"context": "x"}, {"context": {"result": "abc"}}])
def test_parameters_of_another_shape_are_refused(backend, params):
    with pytest.raises(ValueError, match=r"params|regions must be objects"):
        backend.predict({"tasks": [], "label_config": VIDEO, "params": params})


def test_a_name_that_is_too_long_and_an_address_with_control_characters_are_refused(root):
    files = TaskFiles(root, ["localhost:1"])
    with pytest.raises(ValueError, match="cannot be read"):
        files.find("x" * 5000)
    with pytest.raises(ValueError, match="cannot fetch"):
        files.find("http://localhost:1/a\tb c")
