"""The report of a project."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace

import pytest
from annotate.small_project import LENGTH, add_object, clip_project, run, tiny_engine

from sam2track.annotate.jobs import Jobs
from sam2track.annotate.review.report import low_frames, write_report
from sam2track.annotate.review.review_queue import ranges
from sam2track.prompts import Prompt

pytest.importorskip("jinja2")


def test_ranges():
    assert ranges([]) == ""
    assert ranges([3]) == "3"
    assert ranges([1, 2, 3, 7, 9, 10]) == "1-3, 7, 9-10"


def test_a_page_with_all_videos(tmp_path):
    with clip_project(tmp_path, clips=3) as project:
        one = add_object(project)
        project.add_class("<b>bold</b>")
        project.change_object(one, class_name="<b>bold</b>", name="a & b")
        jobs = Jobs(project, tiny_engine())
        jobs.run(tmp_path / "a")
        jobs.run(tmp_path / "b")
        jobs.run(tmp_path / "no.mp4")
        shutil.rmtree(tmp_path / "c")
        write_report(project, tmp_path / "report.html")
        page = (tmp_path / "report.html").read_text()
        assert page.count("data:image/jpeg;base64,") == 8
        assert "&lt;b&gt;bold&lt;/b&gt;" in page
        assert "<b>bold</b>" not in page
        assert "a &amp; b" in page
        assert "it has no object; give prompts" in page
        assert "video &#39;c&#39; is not at" in page
        assert "no such video" in page
        assert "Made by <code>sam2track annotate</code>" in page
        assert not re.search(r"(src|href)=\"(?!data:)", page)


def test_frames_that_are_tracked_again_count_once(tmp_path):
    with clip_project(tmp_path) as project:
        one = add_object(project)
        jobs = Jobs(project, tiny_engine())
        jobs.run(tmp_path / "a")
        project.prompt(one, 8, Prompt.click(50, 40))
        assert jobs.run(tmp_path / "a").frames > 0
        write_report(project, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert f"<b>{LENGTH}</b><span>frames tracked</span>" in page


def test_frames_of_low_confidence(tmp_path):
    with clip_project(tmp_path) as project:
        one = add_object(project)
        run(project, one, engine=tiny_engine())
        masks = list(project.masks(one))
    masks[3] = replace(masks[3], score=0.2, presence=5.0)
    masks[4] = replace(masks[4], score=0.9, presence=-0.1)
    masks[5] = replace(masks[5], score=None, presence=None)
    masks[6] = replace(masks[6], score=0.9, presence=-8.0)
    for place in (*range(3), *range(7, len(masks))):
        masks[place] = replace(masks[place], score=0.9, presence=5.0)
    assert low_frames(masks) == [3]
    assert low_frames(masks, 0.6) == [3, 4]
