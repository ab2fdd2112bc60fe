"""Two browsers on one project; a server that goes away; both themes; small screens."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
from annotate.page.browsing import Person, Server, serving, write_short_cup

CUP = (181, 92)


def test_two_browsers(browser, server: Server, person: Person) -> None:
    context = browser.new_context()
    other = Person(context.new_page(), server.address)
    other.wait("state.readOnly()")
    assert "You watch" in other.page.inner_text("#leased")
    person.click(*CUP)
    person.saved()
    thing = person.look("app.selected")
    other.wait("app.video.objects.length === 1")  # sees it without asking
    other.until(lambda: other.mask(thing) is not None)
    assert (other.mask(thing) == person.mask(thing)).all()
    other.click(30, 200)
    assert "open in another tab" in other.page.inner_text("#notices")  # of the same name
    assert len(server.get("/api/videos/1")["objects"]) == 1

    other.page.get_by_role("button", name="Take over").click()
    other.wait("app.video.lease.mine && !state.readOnly()")
    person.wait("state.readOnly()")
    other.press("n", "b")
    other.drag((200, 80), (310, 160))
    other.saved()
    person.wait("app.video.objects.length === 2")
    assert other.errors == []
    context.close()


def test_a_video_that_is_free_again(browser, server: Server, person: Person) -> None:
    context = browser.new_context()
    context.add_init_script("localStorage.setItem('sam2track.who', '\"Ann\"')")
    other = Person(context.new_page(), server.address)
    other.wait("state.readOnly()")
    assert "works on this video" in other.page.inner_text("#leased")
    other.click(*CUP)
    assert "works on this video" in other.page.inner_text("#notices")
    person.page.goto("about:blank")  # gives the video back
    other.wait("!state.readOnly()")
    other.until(lambda: "works on this" not in other.page.inner_text("#notices"))
    assert other.errors == []
    context.close()


@pytest.mark.slow
def test_the_server_goes_and_comes_back(browser, tmp_path: Path) -> None:
    clip = write_short_cup(tmp_path, length=6, scale=0.5)
    with serving(tmp_path / "project", f"video={clip}") as server:
        me = Person(browser.new_context().new_page(), server.address)
        me.click(*CUP)
        me.saved()
        thing, mask = me.look("app.selected"), me.mask(me.look("app.selected"))
        server.stop(kill=True)
        me.wait("!connection.up")
        me.click(181, 150)
        me.click(181, 160)
        me.press("n", "Shift+1")
        me.drag((40, 200), (80, 200))
        me.page.wait_for_timeout(300)
        assert "changes wait here" in me.page.inner_text("#connection")
        assert me.look("connection.waiting") >= 3
        server.start()
        me.wait("connection.up && connection.waiting === 0")
        me.saved()
        assert me.page.locator("#connection").is_hidden()
        detail = server.get("/api/videos/1")
        assert [prompt["points"] for prompt in detail["prompts"] if prompt["object"] == thing] == [
            [[181, 92], [181, 150], [181, 160]]
        ]
        assert len(detail["objects"]) == 2
        assert me.mask(thing).shape == mask.shape
        me.page.reload()  # nothing is lost
        me.page.wait_for_selector("#ready", state="attached")
        me.wait("app.video && app.video.objects.length === 2 && masks.masksOf(0).size === 2")
        assert me.errors == []


# Colour blindness: matrices over linear RGB (Machado, Oliveira and Fernandes, 2009; severity 1).
BLIND = {
    "normal": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protan": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deutan": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
}


def test_colours_differ_for_colour_blind_eyes(person: Person) -> None:
    colours = person.look('(await import("/static/colours.js")).COLOURS')
    assert len(set(colours)) == 20
    for name, matrix in BLIND.items():
        seen = [blind(colour, matrix) for colour in colours]
        nearest = min(combinations(range(20), 2), key=lambda pair: lab_distance(seen, pair))
        assert lab_distance(seen, nearest) > 17, (name, [colours[at] for at in nearest])


def blind(colour: str, matrix: list[list[float]]) -> tuple[float, float, float]:
    """CIE L*a*b* of a colour as such eyes see it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    r, g, b = (
        min(max(sum(k * v for k, v in zip(row, linear, strict=True)), 0), 1) for row in matrix
    )
    x = (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505
    y = 0.2126 * r + 0.7152 * g + 0.0722 * b
    z = (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089
    fx, fy, fz = (v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def lab_distance(seen: list[tuple[float, float, float]], pair: tuple[int, int]) -> float:
    one, other = seen[pair[0]], seen[pair[1]]
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5


def test_names_are_text(person: Person, server: Server) -> None:
    person.click(*CUP)
    person.saved()
    bad = '<img src=x onerror="window.bad=1">'
    thing = person.look("app.selected")
    person.look("app.session.classes.push({name: args[0], colour: null, attributes: []})", bad)
    person.page.locator("#details input[aria-label=Name]").fill(bad)
    person.page.locator("#details input[aria-label=Name]").press("Enter")
    person.saved()
    assert server.get("/api/videos/1")["objects"][0]["name"] == bad
    assert bad in person.page.inner_text(f'[data-object="{thing}"]')
    assert person.page.evaluate("window.bad") is None


def test_every_control_has_a_name(person: Person) -> None:
    """For a screen reader."""
    person.click(*CUP)
    person.saved()
    nameless = person.page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, canvas[tabindex]")]
        .filter((one) => one.offsetParent && !(one.textContent.trim()
          || one.getAttribute("aria-label") || one.labels?.length || one.title))
        .map((one) => one.outerHTML)"""
    )
    assert nameless == []
