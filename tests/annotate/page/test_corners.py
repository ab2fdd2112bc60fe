"""Corners of a mask's outline are dragged, made and taken away."""

from __future__ import annotations

import numpy as np
from annotate.page.browsing import Person
from annotate.page.test_tools import first_object


def test_corners_of_a_stored_polygon(person: Person) -> None:
    person.press("g")
    for corner in [(20, 20), (120, 20), (120, 100), (20, 100)]:
        person.click(*corner)
    person.press("Enter")
    person.saved()
    thing, drawn = person.look("app.selected"), person.mask(person.look("app.selected"))
    corners = "(await import('/static/corners.js')).cornersOf(masks.maskOf(args[0], 0).mask)"
    (ring,) = person.look(corners, thing)
    assert len(ring) == 4
    person.press("Shift+5")
    person.drag((120, 100), (180, 160))  # a corner
    person.saved()
    moved = person.mask(thing)
    assert moved[140, 140]
    assert not (drawn & ~moved).any()
    person.drag((70, 20), (70, 5))  # an edge: a new corner
    person.saved()
    assert person.mask(thing)[10, 70]
    assert len(person.look(corners, thing)[0]) == 5
    person.page.keyboard.down("Shift")
    person.click(70, 5)
    person.page.keyboard.up("Shift")
    person.saved()
    assert not person.mask(thing)[10, 70]
    person.press("Control+z", "Control+z", "Control+z")
    person.saved()
    assert (person.mask(thing) == drawn).all()
    mouse = person.page.mouse
    mouse.move(*person.place(120, 100))
    mouse.down()
    mouse.move(*person.place(200, 200), steps=4)
    person.press("Escape")
    mouse.up()
    person.saved()
    assert (person.mask(thing) == drawn).all()
    # The far corner by the keyboard alone.
    person.press(*["Shift+Alt+ArrowLeft"] * 2, "Control+Enter")
    assert not person.look("(await import('/static/corners.js')).holdsCorner()")
    person.look("app.crosshair = [120, 100]")
    person.press("Control+Enter", "Shift+Alt+ArrowRight", "Control+Enter")
    person.saved()
    assert person.mask(thing).sum() > drawn.sum()


def test_corners_change_only_what_is_dragged(person: Person) -> None:
    """The outline of a clicked mask stays as fine as it was elsewhere."""
    cup = first_object(person)
    before = person.mask(cup)
    person.press("Shift+5")
    (ring, *_) = person.look(
        "(await import('/static/corners.js')).cornersOf(masks.maskOf(args[0], 0).mask)", cup
    )
    x, y = min(ring, key=lambda point: point[1])
    person.drag((x, y), (x, y - 20))
    person.saved()
    changed = np.argwhere(person.mask(cup) ^ before)
    assert len(changed) > 50
    assert changed[:, 0].max() < y + 60
