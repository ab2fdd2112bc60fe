"""The network cut, changes that wait, the page loaded again or closed meanwhile."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from annotate.page.browsing import Person, Server, serving, write_short_cup

from sam2track.annotate import Project

CUP, BELOW, TABLE = (181, 92), (181, 150), (40, 200)
API = "**/api/**"


@contextmanager
def cut(person: Person) -> Iterator[None]:
    """Without a connection to the server; the page's own files are there."""
    person.page.route(API, lambda route: route.abort())
    yield
    person.page.unroute(API)


def bar(person: Person) -> str:
    return person.page.inner_text("#connection")


def test_changes_that_wait_are_made_after_the_page_was_loaded_again(
    person: Person, server: Server
) -> None:
    person.click(*CUP)
    person.saved()
    first = person.look("app.selected")
    with cut(person):
        person.click(*BELOW)
        person.press("n")
        person.click(*TABLE)
        person.until(lambda: "3 changes wait here" in bar(person))
        person.page.reload()
        person.until(lambda: "3 changes wait here" in bar(person))
        assert server.get("/api/videos/1")["objects"][0]["id"] == first
        assert len(server.get("/api/videos/1")["objects"]) == 1
    person.wait("connection.up && connection.waiting === 0 && app.video")
    person.saved()
    assert person.page.locator("#connection").is_hidden()
    detail = server.get("/api/videos/1")
    points = {own["object"]: own["points"] for own in detail["prompts"]}
    assert [len(found) for found in points.values()] == [2, 1]
    assert points[first][1] == pytest.approx(BELOW, abs=1)
    (second,) = points.keys() - {first}
    assert points[second][0] == pytest.approx(TABLE, abs=1)
    person.wait("masks.masksOf(0).size === 2")
    assert not person.look('Object.keys(localStorage).some((key) => key.includes("waiting"))')


def test_the_picture_stays_where_it_is_when_a_bar_comes(person: Person) -> None:
    before = person.place(*CUP)
    with cut(person):
        person.click(*CUP)
        person.until(lambda: "2 changes wait here" in bar(person))
        assert person.place(*CUP) == before
        person.click(*BELOW)
        person.until(lambda: "3 changes wait here" in bar(person))
    person.saved()
    assert person.look("app.video.objects.length") == 1
    assert person.place(*CUP) == before


def test_changes_that_waited_too_long_are_told(person: Person, server: Server) -> None:
    person.click(*CUP)
    person.saved()
    with cut(person):
        person.click(*BELOW)
        person.click(*TABLE)
        person.until(lambda: "2 changes wait here" in bar(person))
        person.page.reload()
        person.until(lambda: "2 changes wait here" in bar(person))
        server.send("POST", "/api/videos/1/lease", {"take_over": True})
    person.wait("connection.up && connection.waiting === 0 && app.video")
    person.until(lambda: "2 changes that waited here were not made" in notices(person))
    assert "annotates this video" in notices(person)
    assert len(server.get("/api/videos/1")["prompts"][0]["points"]) == 1
    server.send("DELETE", "/api/videos/1/lease")


def put_waiting(person: Person, project: str, numbers: list[int]) -> None:
    """Leave changes behind, as of a page that is gone: new classes."""
    jobs = [
        {
            "method": "POST",
            "path": "/api/classes",
            "body": {"name": f"late {number}"},
            "id": f"{project[:4]}{number}",
            "project": project,
        }
        for number in numbers
    ]
    kept = json.dumps({"time": 0, "jobs": jobs, "made": {}})
    person.look("localStorage.setItem(args[0], args[1])", f"sam2track.waiting.{project}", kept)


def late_classes(server: Server) -> list[str]:
    names = [own["name"] for own in server.get("/api/session")["classes"]]
    return [name for name in names if name.startswith("late")]


WAITING = 'Object.keys(localStorage).filter((key) => key.includes("sam2track.waiting."))'


def test_changes_that_wait_for_another_project_stay_in_the_browser(
    person: Person, server: Server
) -> None:
    put_waiting(person, "f" * 24, [1])
    for _ in range(2):
        person.page.reload()
        person.wait("app.video && connection.up && connection.waiting === 0")
    # Also if that project was served when this tab was loaded.
    person.look('sessionStorage.setItem("sam2track.left", args[0])', "f" * 24)
    other = Person(person.page.context.new_page(), server.address)
    other.saved()
    assert late_classes(server) == []
    assert person.look(WAITING) == ["sam2track.waiting." + "f" * 24]
    assert notices(person) == notices(other) == ""


def test_two_tabs_do_not_go_on_with_the_same_changes(person: Person, server: Server) -> None:
    own = person.look("app.session.project.id")
    put_waiting(person, own, [2, 3])
    pages = [person.page.context.new_page() for _ in range(2)]
    for page in pages:  # neither waits for the other
        page.evaluate(
            "address => { setTimeout(() => { location = address; }, 50); }", server.address
        )
    people = []
    for page in pages:
        page.wait_for_selector("#ready", state="attached")
        people.append(page.evaluate('import("/static/waiting.js").then((own) => own.client)'))
    person.until(lambda: late_classes(server) == ["late 2", "late 3"])
    assert sorted(client == own for client in people) == [False, True]
    person.until(lambda: person.look(WAITING) == [])


def test_a_change_that_needs_a_token_waits_for_it(person: Person, server: Server) -> None:
    refusals = []

    def refuse(route: Any) -> None:
        refusals.append(route.request.headers.get("x-project"))
        route.fulfill(status=401, json={"error": "a token is needed"})

    person.click(*CUP)
    person.saved()
    person.page.route("**/prompts", refuse)
    person.click(*BELOW)
    person.until(lambda: len(refusals) >= 2)
    assert person.look(WAITING) != []
    person.page.unroute("**/prompts")
    person.saved()
    assert len(server.get("/api/videos/1")["prompts"][0]["points"]) == 2
    assert set(refusals) == {person.look("app.session.project.id")}


def notices(person: Person) -> str:
    return person.page.inner_text("#notices")


def test_a_preview_that_is_late_is_not_shown(person: Person) -> None:
    def late(route: Any) -> None:
        time.sleep(0.1)
        route.continue_()

    person.page.mouse.move(*person.place(*TABLE))
    person.page.wait_for_timeout(500)
    with person.page.expect_response("**/preview"):
        person.page.mouse.move(*person.place(*CUP))
    person.page.route("**/preview", late)
    person.page.mouse.move(*person.place(*TABLE))
    person.wait("app.hover === null")
    for place in (BELOW, TABLE):
        with person.page.expect_response("**/preview"):
            person.page.mouse.move(*person.place(*place))
        person.page.wait_for_timeout(100)
        assert person.look("app.hover") is None
    person.click(*CUP)  # that of a click is waited for
    person.wait("app.hover !== null || masks.masksOf(0).size === 1")
    person.saved()
    assert person.look("masks.masksOf(0).size") == 1


def test_a_video_that_is_gone_is_taken_out(browser: Any, tmp_path: Path) -> None:
    clips = [write_short_cup(tmp_path, length=2, scale=0.5, name=name) for name in ("one", "two")]
    with Project.create(tmp_path / "project") as project:
        project.add_videos(clips[:1])
        write_short_cup(tmp_path / "other", length=3, scale=0.5)
        project.add_videos([tmp_path / "other" / "cup"])
    clips[0].rename(tmp_path / "gone")
    with serving(tmp_path / "project") as server:
        context = browser.new_context()
        page = context.new_page()
        page.goto(server.address + "#video=2")
        page.click("#video-name")
        page.click("text=Remove…")
        assert len(server.get("/api/videos")) == 2
        page.click("text=Remove it? Click again")
        page.wait_for_selector("text=one is out of the project")
        assert [own["name"] for own in server.get("/api/videos")] == ["cup"]
        context.close()


class Work:
    """A person who changes things at random, and notes what the page has confirmed.

    Attributes:
        made: by kind, the changes that were made, as the log should hold them.
        confirmed: how many of each kind the page said are saved.
    """

    def __init__(self, rng: random.Random) -> None:
        self.rng, self.number = rng, 0
        self.made: dict[str, list[str]] = {"prompt": [], "mask": [], "review": []}
        self.confirmed = dict.fromkeys(self.made, 0)

    def act(self, person: Person) -> None:
        """Change something."""
        self.number += 1
        point = self.rng.randrange(80, 240), self.rng.randrange(50, 170)
        kind = self.rng.choice(["prompt", "prompt", "review", "mask"])
        if kind == "review":
            words = f"c{self.number}"
            person.look(
                '(await import("/static/api.js")).change("POST", "/api/videos/1/review", '
                "{ comment: args[0] }) && 1",
                words,
            )
        elif kind == "mask" and self.made["prompt"]:
            words = ""
            person.press("Shift+1")
            person.drag(point, (point[0] + 15, point[1] + 10))
            person.press("p")
        else:
            kind, words = "prompt", f"[[{point[0] + 0.5}, {point[1] + 0.5}]]"
            if self.rng.random() < 0.4:
                person.press("n")
            person.press("p")
            person.look(
                '(await import("/static/prompting.js")).addClick(args[0], false)',
                [point[0] + 0.5, point[1] + 0.5],
            )
        self.made[kind].append(words)

    def go_on(self, person: Person, seconds: float) -> None:
        """Change things until the time is over, at least until one change is confirmed."""
        end, before = time.monotonic() + seconds, self.confirmed
        while time.monotonic() < end:
            self.act(person)
            person.page.wait_for_timeout(self.rng.choice([0, 0, 30, 150]))
            self.note_confirmed(person)
        if self.confirmed == before:  # on a busy machine
            person.until(lambda: self.note_confirmed(person))
        self.act(person)  # nobody waits for this one

    def note_confirmed(self, person: Person) -> bool:
        """Whether the page says that everything is saved; then it is noted."""
        waiting = person.look("connection.waiting + app.pending.length")
        saved = person.page.inner_text("#saved") == "saved" and not waiting
        if saved:
            self.confirmed = {kind: len(own) for kind, own in self.made.items()}
        return saved

    def check(self, project: Path) -> None:
        """What was confirmed is there, and nothing twice."""
        with Project.open(project, read_only=True) as opened:
            log = opened.history()
        for kind, made in self.made.items():
            logged = [json.dumps(own.data) for own in log if own.what == kind]
            assert self.confirmed[kind] <= len(logged) <= len(made), kind
            for words in made[: self.confirmed[kind]]:
                assert any(words in text for text in logged), (kind, words)


def close_often(browser: Any, folder: Path, *, seed: int, closings: int) -> None:
    rng = random.Random(seed)
    clip = write_short_cup(folder, length=4, scale=0.5)
    with serving(folder / "project", f"video={clip}") as server:
        context, work = browser.new_context(viewport={"width": 1440, "height": 900}), Work(rng)
        for _ in range(closings):
            person = Person(context.new_page(), server.address)
            person.wait("!state.readOnly()", timeout=40)
            work.go_on(person, rng.uniform(0.3, 3))
            assert person.errors == []
            person.page.close()
            work.check(folder / "project")
        person = Person(context.new_page(), server.address)
        person.saved()
        work.check(folder / "project")
        confirmed = sum(work.confirmed.values())
        print(f"{closings} closings, {work.number} changes, {confirmed} confirmed")
        assert work.number > confirmed
        assert confirmed >= closings
        context.close()


def test_a_tab_that_is_closed_loses_nothing(browser: Any, tmp_path: Path) -> None:
    close_often(browser, tmp_path, seed=1, closings=2)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_tab_that_is_closed_twenty_times(browser: Any, tmp_path: Path) -> None:
    close_often(browser, tmp_path, seed=2, closings=20)
