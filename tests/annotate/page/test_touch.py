"""The page with fingers: taps, pinching, moving the picture with two fingers; one column."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from annotate.page.browsing import Person, Server

CUP = (181, 92)


@pytest.fixture
def fingers(browser: Any, server: Server, person: Person) -> Iterator[Person]:
    """A person with a phone."""
    person.page.close()
    server.send("DELETE", "/api/videos/1/lease")
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    me = Person(context.new_page(), server.address)
    me.wait("!state.readOnly()", timeout=40)
    yield me
    context.close()
    assert me.errors == []


class Hand:
    """Fingers on the glass, as the browser's own protocol has them."""

    def __init__(self, me: Person) -> None:
        self.me, self.session = me, me.page.context.new_cdp_session(me.page)

    def send(self, kind: str, *points: tuple[float, float]) -> None:
        touches = [{"x": x, "y": y, "id": at} for at, (x, y) in enumerate(points)]
        self.session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    def move(self, *ways: tuple[tuple[float, float], tuple[float, float]], steps: int = 6) -> None:
        """Put fingers down one after the other, move each from a place to another, lift them."""
        starts = [start for start, _ in ways]
        for count in range(1, len(ways) + 1):
            self.send("touchStart", *starts[:count])
        for step in range(1, steps + 1):
            share = step / steps
            self.send(
                "touchMove",
                *((x0 + share * (x1 - x0), y0 + share * (y1 - y0)) for (x0, y0), (x1, y1) in ways),
            )
        self.send("touchEnd")
        self.me.page.wait_for_timeout(60)


def test_two_fingers_zoom_to_where_they_are(fingers: Person) -> None:
    hand, scale = Hand(fingers), fingers.look("view.scale")
    x, y = fingers.place(*CUP)
    hand.move(((x - 30, y), (x - 60, y)), ((x + 30, y), (x + 60, y)))
    assert abs(fingers.look("view.scale") / scale - 2) < 0.1
    assert np.allclose(fingers.place(*CUP), (x, y), atol=4)
    hand.move(((x - 60, y), (x - 30, y)), ((x + 60, y), (x + 30, y)))
    assert abs(fingers.look("view.scale") / scale - 1) < 0.1
    fingers.saved()
    assert fingers.look("app.video.objects.length") == 0, "fingers that zoom do not click"


@pytest.mark.parametrize("tool", ["point", "box", "brush", "polygon", "select", "corners"])
def test_two_fingers_move_the_picture(fingers: Person, tool: str) -> None:
    fingers.look(f"(await import('/static/tools.js')).setTool('{tool}')")
    hand, scale = Hand(fingers), fingers.look("view.scale")
    x, y = fingers.place(*CUP)
    hand.move(((x - 40, y), (x - 10, y + 50)), ((x + 40, y), (x + 70, y + 50)))
    assert abs(fingers.look("view.scale") / scale - 1) < 0.05
    assert np.allclose(fingers.place(*CUP), (x + 30, y + 50), atol=4)
    fingers.saved()
    assert fingers.look("app.video.objects.length") == 0
    assert not fingers.look("(await import('/static/strokes.js')).drawing()")


def test_one_finger_drags_a_box(fingers: Person) -> None:
    fingers.page.locator("[data-tool=box]").tap()
    Hand(fingers).move((fingers.place(120, 60), fingers.place(190, 200)))
    fingers.saved()
    box = fingers.look("app.video.prompts[0].box")
    assert np.allclose(box, [120, 60, 190, 200], atol=2)


def test_one_column(fingers: Person) -> None:
    page = fingers.page
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.touchscreen.tap(*fingers.place(*CUP))
    fingers.saved()
    first = fingers.look("app.selected")
    assert fingers.mask(first) is not None
    page.get_by_role("button", name="New object").tap()
    assert fingers.look("app.selected") is None
    assert "what you want to follow" in fingers.status
    page.touchscreen.tap(*fingers.place(300, 120))
    fingers.saved()
    assert fingers.look("app.video.objects.length") == 2
    page.get_by_role("button", name="Track it").tap()
    fingers.wait("masks.maskOf(app.selected, 2)")  # it may be done by now
    if fingers.look("Boolean(app.tracking)"):
        page.locator("#stop").dispatch_event("click")
    fingers.saved()


def test_a_range_with_one_finger(fingers: Person) -> None:
    page = fingers.page
    page.touchscreen.tap(*fingers.place(*CUP))
    fingers.saved()
    page.locator("[data-command=range]").tap()
    assert "Drag over the frames" in fingers.status
    page.locator("#timeline").scroll_into_view_if_needed()
    box = page.locator("#timeline").bounding_box()
    x, y = box["x"] + 84, box["y"] + 12
    wide = (box["width"] - 92) / 16
    Hand(fingers).move(((x + 2.5 * wide, y), (x + 6.5 * wide, y)))
    assert fingers.look("app.range") == [2, 7]
    page.wait_for_timeout(600)  # or the browser takes the next tap for a part of this gesture
    page.get_by_role("button", name="Leave the range").tap()
    fingers.wait("app.range === null")
