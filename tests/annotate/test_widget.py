"""The page in a notebook, without a browser."""

from __future__ import annotations

import pytest
from annotate.small_project import write_clip

import sam2track
from sam2track.annotate import Project

pytest.importorskip("fastapi", reason="needs sam2track[serve]")
pytest.importorskip("uvicorn", reason="needs sam2track[serve]")


def test_a_server_that_cannot_begin_is_an_error_and_the_project_is_free_again(
    tmp_path, monkeypatch
):
    from sam2track.annotate import server

    def fails(*_, **__):
        raise OSError("host=localhost: no such address")

    monkeypatch.setattr(server, "serve", fails)
    clip = write_clip(tmp_path / "a")
    with pytest.raises(OSError, match="no such address"):
        sam2track.widget(clip)
    with Project.open(tmp_path / "a_project") as project:
        assert [video.name for video in project.videos()] == ["a"]


def test_a_second_page_of_a_project_has_the_same_address(tmp_path, monkeypatch):
    from sam2track.annotate import server

    def serve(project, load, *, say, framed, **options):
        say(f"serving {project.folder}: http://localhost:8/#video={options['video']}")

    monkeypatch.setattr(server, "serve", serve)
    clips = [write_clip(tmp_path / name, seed=seed) for seed, name in enumerate("ab")]
    first, second = (sam2track.widget(clip, project=tmp_path / "P") for clip in clips)
    assert first.project is second.project
    assert [own.address for own in (first, second)] == [
        f"http://localhost:8/#video={video.id}" for video in first.project.videos()
    ]
    assert "http://localhost:8/#video=1" in first._repr_html_()
    with pytest.raises(ValueError, match="no object 1 in 'a'; there are: none yet"):
        first.masks()
    first.project.close()
