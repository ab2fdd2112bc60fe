"""What is refused: other hosts and origins, wrong tokens, paths that lead out, bodies too large."""

from __future__ import annotations

import io
import json
import logging
import os
import pickle
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from annotate.server.small_server import add_object, click, good, refused, serving

from sam2track.annotate.server import Limits
from sam2track.annotate.server.uploads import safe_name

RAW = {"Content-Type": "application/octet-stream"}
TOKEN = "correct-horse"
EMBED, BODY = "/api/videos/1/embed", {"frame": 0}


@pytest.fixture
def client(tmp_path):
    limits = Limits(body=5000, video=50_000, annotations=3000)
    with serving(tmp_path, limits=limits) as client:
        yield client


@pytest.fixture
def guarded(tmp_path):
    with serving(tmp_path, token=TOKEN) as client:
        yield client


def lines(caplog):
    return [own.getMessage() for own in caplog.records if own.name == "sam2track.serve"]


@pytest.mark.parametrize("host", ["evil.com", "evil.com:8017", "localhost.evil.com", "10.0.0.1"])
def test_a_name_that_points_here_is_not_served(client, caplog, host):
    caplog.set_level(logging.INFO)
    said = client.get("/api/session", headers={"Host": host})
    refused(said, 403, "this server answers only under localhost")
    (line,) = lines(caplog)
    assert line.startswith("refused 403: GET /api/session from testclient: this server")


@pytest.mark.parametrize("host", ["localhost:99", "127.0.0.1:8017", "[::1]:8017", "LOCALHOST"])
def test_local_names_are_served(client, host):
    good(client.get("/api/session", headers={"Host": host}))


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.com"},
        {"Origin": "null"},
        {"Origin": "http://localhost:99"},  # another server on this computer
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_requests_of_other_sites_are_refused(client, headers):
    refused(client.post(EMBED, json=BODY, headers=headers), 403, "comes from another site")
    refused(client.get("/api/videos/1/frames/0", headers=headers), 403, "comes from another site")
    good(client.post(EMBED, json=BODY, headers={"Origin": "http://localhost"}))


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "json"])
def test_forms_are_no_json(client, kind):
    said = client.post(EMBED, content=json.dumps(BODY), headers={"Content-Type": kind})
    refused(said, 415, "send application/json")
    said = client.post("/api/uploads?name=a.mp4", content=b"x", headers={"Content-Type": kind})
    refused(said, 415, "send application/octet-stream")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer gr\u00fcn".encode()},
        {"Cookie": "sam2track_token=wrong"},
        {"Cookie": 'sam2track_token="'},
        {"Cookie": "\x01;=;;"},
    ],
)
def test_without_the_token_there_is_no_data(guarded, headers):
    for path in ("/api/session", "/api/videos/1/frames/0", "/api/events", "/api/openapi.json"):
        refused(guarded.get(path, headers=headers), 401, "the token is missing or wrong")
    refused(guarded.post("/api/token", headers=headers), 401, "the token")


def test_the_token_opens_and_becomes_a_cookie(guarded):
    own = {"Authorization": f"Bearer {TOKEN}", "Host": "machine.example:8017"}
    good(guarded.get("/api/session", headers=own))
    said = guarded.post("/api/token", headers=own)
    cookie = said.headers["set-cookie"]
    assert cookie == f"sam2track_token={TOKEN}; Path=/; HttpOnly; SameSite=Strict"
    good(guarded.get("/api/session", headers={"Cookie": cookie.partition(";")[0]}))


def test_every_answer_has_safe_headers(client):
    for path in ("/", "/api/session", "/api/videos/9", "/api/videos/1/frames/0", "/nothing"):
        headers = client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'self';")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
    assert client.get("/api/session").headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "../../../../etc/passwd", "a/../../../etc/passwd", "link/x.mp4", "P/../../b"],
)
def test_videos_outside_the_folders_are_not_read(client, tmp_path, path):
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    (tmp_path / "link").symlink_to(outside)
    refused(client.post("/api/videos", json={"path": path}), 403, "lies in no folder")


@pytest.mark.parametrize(
    "path",
    [
        "/static/../server/app.py",
        "/static/..%2fserver%2fapp.py",
        "/static/%2e%2e/%2e%2e/cli.py",
        "/static//etc/passwd",
        "/api/exports/0123456789abcdef/..%2f..%2fproject.db",
        "/api/exports/../../project.db",
        "/project.db",
        "//etc/passwd",
    ],
)
def test_no_other_file_is_served(client, path):
    assert client.get(path).status_code in (404, 422)


def test_bodies_that_are_too_large(client, caplog):
    caplog.set_level(logging.INFO)
    thing = add_object(client)
    big = {"frame": 0, "points": [[1, 1]] * 900, "labels": [1] * 900}
    where = f"/api/objects/{thing}/prompts"
    refused(client.post(where, json=big), 413, "larger than 5000 bytes")
    parts = (json.dumps(big).encode()[k : k + 100] for k in range(0, 9000, 100))
    headers = {"Content-Type": "application/json"}
    refused(client.post(where, content=parts, headers=headers), 413, "larger than 5000 bytes")
    assert len(lines(caplog)) == 2


def test_uploads_that_are_too_large_leave_nothing(client, tmp_path):
    for content in (b"x" * 60_000, (b"x" * 1000 for _ in range(60))):
        said = client.post("/api/uploads?name=a.mp4", content=content, headers=RAW)
        refused(said, 413, "larger than 50000 bytes")
    assert not list(Path(tmp_path / "P").rglob("*.part"))
    said = client.post("/api/uploads?name=a.mp4", content=b"", headers=RAW)
    refused(said, 400, "the file is empty")
    assert not list(Path(tmp_path / "P").rglob("*.part"))


@pytest.mark.parametrize("name", ["a.exe", "a", "a.mp4.html", "../a.php", "..", ".mp4"])
def test_uploads_of_other_kinds(client, name):
    said = client.post("/api/uploads", params={"name": name}, content=b"x", headers=RAW)
    refused(said, 400, "is no video; its name should end with")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../x.mp4", "x.mp4"),
        ("C:\\x\\y.MP4", "y.mp4"),
        ("a\0b\n<c>.mp4", "a_b__c_.mp4"),
        ("..mp4", "file.mp4"),
        ("ü" * 300 + ".mp4", "ü" * 75 + ".mp4"),
    ],
)
def test_names_of_files_are_made_safe(given, kept):
    assert safe_name(given, (".mp4", ".mkv"), "video") == kept


def packed(**files):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


class Evil:
    def __reduce__(self):
        return os.mkdir, ("executed",)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (packed(**{"../out.json": "{}"}), "leads out of its folder"),
        (packed(**{"/out.json": "{}"}), "leads out of its folder"),
        (packed(**{"a/..\\..\\out.json": "{}"}), "leads out of its folder"),
        (b"PK\x05\x06 no", "is no zip file"),
        (packed(**{"a.txt": "x"}), "a.txt"),
        (packed(), "x.zip"),
    ],
)
def test_archives_that_are_not_taken(client, tmp_path, content, sentence):
    where = "/api/imports?format=coco&name=x.zip"
    refused(client.post(where, content=content, headers=RAW), 400, sentence)
    assert not list(tmp_path.rglob("out.json"))


def test_an_archive_that_grows(client, monkeypatch):
    from sam2track.annotate.server import uploads

    monkeypatch.setattr(uploads, "MOST_BYTES", 10_000)
    content = packed(**{"a.json": "0" * 100_000})
    assert len(content) < 3000
    where = "/api/imports?format=coco&name=x.zip"
    refused(client.post(where, content=content, headers=RAW), 400, "too large")


def test_nothing_is_unpickled(client, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("x.json", "x.zip"):
        content = pickle.dumps(Evil())
        where = f"/api/imports?format=coco&name={name}"
        assert client.post(where, content=content, headers=RAW).status_code == 400
    assert not (tmp_path / "executed").exists()


def test_script_in_names_is_only_text(client):
    name = "<script>alert(1)</script>"
    thing = add_object(client, **{"class": name, "name": name})
    said = client.get("/api/videos/1")
    assert said.headers["content-type"] == "application/json"
    assert good(said)["objects"][0]["class"] == name
    click(client, thing)
    for format in ("coco", "davis", "yolo", "cvat", "labelme"):
        for own in good(client.post("/api/exports", json={"format": format}))["files"]:
            assert "<" not in own["name"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff\xfe",
        b"[" * 4000,
        b'{"frame": NaN}',
        b'{"frame":1e999}',
    ],
)
def test_bodies_that_are_no_json(client, content):
    headers = {"Content-Type": "application/json"}
    said = client.post(EMBED, content=content, headers=headers)
    assert said.status_code in (400, 422)
    assert set(said.json()) == {"error"}


def test_odd_values_are_refused_in_one_sentence(client):
    thing = add_object(client)
    where = f"/api/objects/{thing}/prompts"
    for point in ([1e300, 0], [-1, 0], ["1e5", 0], [[1], 0], [None, 0]):
        body = {"frame": 0, "points": [point], "labels": [1]}
        assert client.post(where, json=body).status_code in (400, 422)
    body = {"size": [48, 64], "counts": "9" * 4000}
    assert client.put(f"/api/objects/{thing}/masks/0", json=body).status_code == 400
    for path in ("/api/videos/99999999999999999999", "/api/videos/-1", "/api/videos/x"):
        assert client.get(path).status_code == 422
    body = {"name": "\ud800"}
    said = client.patch(
        f"/api/objects/{thing}",
        content=json.dumps(body),
        headers={"Content-Type": "application/json"},
    )
    assert said.status_code in (400, 422)
