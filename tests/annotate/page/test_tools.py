"""Every tool of the page, on a short clip of 320 x 240 pixels."""

from __future__ import annotations

import numpy as np
from annotate.page.browsing import Person

CUP = (181, 92)


def first_object(person: Person) -> int:
    """Click on the cup."""
    person.click(*CUP)
    person.saved()
    return person.look("app.selected")


def rectangle(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros((240, 320), dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


def test_point_and_taking_back(person: Person) -> None:
    cup = first_object(person)
    one = person.mask(cup)
    person.click(160, 150)
    person.saved()
    person.click(300, 20, button="right")
    person.saved()
    labels = person.look("app.video.prompts[0].labels")
    assert labels == [1, 1, 0]
    person.press("Backspace")
    person.saved()
    person.press("Backspace")
    person.saved()
    assert (person.mask(cup) == one).all()
    person.press("Backspace")
    person.saved()
    assert person.mask(cup) is None


def test_hover_shows_the_mask_of_a_click(person: Person) -> None:
    # A busy machine may take longer than the page waits.
    person.look('(await import("/static/prompting.js")).previews.late = 1e9')
    person.page.mouse.move(*person.place(*CUP))
    person.wait("app.hover !== null")
    shown = person.look("app.hover.counts")
    cup = first_object(person)
    assert person.look("masks.maskOf(args[0], app.frame).mask.counts", cup) == shown


def test_candidates_by_tab(person: Person) -> None:
    cup = first_object(person)
    assert person.page.locator("#candidates button").count() >= 2
    chosen = person.look("app.candidates.chosen")
    person.press("Tab")
    person.saved()
    assert person.look("app.candidates.chosen") != chosen
    person.press("Control+z")
    person.saved()
    assert person.mask(cup) is not None


def test_box(person: Person) -> None:
    person.press("b")
    person.drag((120, 60), (190, 200))
    person.saved()
    assert person.look("app.video.prompts[0].box") == [120, 60, 190, 200]
    mask = person.mask(person.look("app.selected"))
    assert mask[60:200, 120:190].sum() > 0.7 * mask.sum() > 1000


def test_brush_makes_an_object_and_eraser_takes_away(person: Person) -> None:
    person.press("Shift+1")
    person.look("app.brushSize = 20")
    person.drag((40, 200), (80, 200))
    person.saved()
    thing = person.look("app.selected")
    drawn = person.mask(thing)
    assert drawn[200, 40:80].all()
    assert not drawn[:185].any()
    assert not drawn[215:].any()
    person.press("Shift+2")
    person.drag((60, 180), (60, 220))
    person.saved()
    left = person.mask(thing)
    assert not left[200, 52:68].any()
    assert (drawn & ~left)[:, 80:].sum() == 0
    assert left[200, 36]


def test_undo_inside_a_stroke(person: Person) -> None:
    person.press("Shift+1")
    mouse = person.page.mouse
    mouse.move(*person.place(40, 120))
    mouse.down()
    for x in range(40, 200, 4):
        mouse.move(*person.place(x, 120))
    person.press("Control+z", "Control+z")
    mouse.up()
    person.saved()
    drawn = person.mask(person.look("app.selected"))
    assert drawn[120, 60]
    assert not drawn[120, 180:].any()
    assert not person.status.startswith("Undone")


def test_escape_leaves_a_stroke(person: Person) -> None:
    person.press("Shift+1")
    person.page.mouse.move(*person.place(40, 120))
    person.page.mouse.down()
    person.page.mouse.move(*person.place(90, 120), steps=5)
    person.press("Escape")
    person.page.mouse.up()
    person.saved()
    assert person.look("app.video.objects.length") == 0


def test_polygons(person: Person) -> None:
    person.press("g")
    for corner in [(20, 20), (120, 20), (120, 100), (180, 100), (20, 100)]:
        person.click(*corner)
    person.press("Control+z", "Control+z")  # the last two corners
    person.click(20, 100)
    person.press("Enter")
    person.saved()
    thing = person.look("app.selected")
    drawn = person.mask(thing)
    assert (drawn ^ rectangle(20, 20, 120, 100)).sum() < 400
    person.press("Shift+4")
    for corner in [(40, 40), (60, 40), (60, 60), (40, 60), (40, 40)]:  # the first again closes it
        person.click(*corner)
    person.saved()
    assert not person.mask(thing)[42:58, 42:58].any()
    assert person.mask(thing)[30, 30]


def test_holes_and_islands(person: Person) -> None:
    person.press("Shift+3")
    for x0, y0, x1, y1 in [(20, 20, 120, 100), (200, 200, 210, 210)]:
        for corner in [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]:
            person.click(*corner)
        person.press("Enter")
        person.saved()
    person.press("Shift+4")
    for corner in [(40, 40), (60, 40), (60, 60), (40, 60)]:
        person.click(*corner)
    person.press("Enter")
    person.saved()
    thing = person.look("app.selected")
    assert not person.mask(thing)[50, 50]
    assert person.mask(thing)[205, 205]
    person.press("Shift+O")
    person.saved()
    assert person.mask(thing)[50, 50]
    assert person.mask(thing)[205, 205]
    person.press("Shift+I")
    person.saved()
    assert person.mask(thing)[50, 50]
    assert not person.mask(thing)[205, 205]


def test_select_and_new(person: Person) -> None:
    cup = first_object(person)
    person.press("n")
    assert person.look("app.selected") is None
    person.press("v")
    y, x = np.argwhere(mask := person.mask(cup))[mask.sum() // 2]
    person.click(x + 0.5, y + 0.5)
    assert person.look("app.selected") == cup
    person.click(10, 10)
    assert person.look("app.selected") is None


def test_keyboard_alone(person: Person) -> None:
    """A click, then a box, without a mouse."""
    person.press("p", "Alt+ArrowLeft", "Control+Enter")
    person.saved()
    assert person.look("app.video.prompts[0].points[0].length") == 2
    person.press("n", "b", "Shift+Alt+ArrowLeft", "Control+Enter")
    person.press(*["Shift+Alt+ArrowRight"] * 2, "Shift+Alt+ArrowDown", "Control+Enter")
    person.saved()
    assert person.look("app.video.objects.length") == 2
    assert person.look("app.video.prompts[1].box.length") == 4


def test_keyboard_says_not_this(person: Person) -> None:
    cup = first_object(person)
    person.press("Alt+ArrowLeft", "Control+Shift+Enter")
    person.saved()
    assert person.look("app.video.prompts.find((one) => one.object === args[0]).labels", cup) == [
        *(1, 0)
    ]


def test_not_here_on_a_range_is_one_step(person: Person) -> None:
    cup = first_object(person)
    person.press("Control+b")
    person.wait("app.lanes.get(app.selected)?.some((span) => span.stop === app.video.length)")
    person.saved()
    before = person.mask(cup, 6)
    person.press("Home", *["f"] * 5, "q", "f", "f", "f", "w")
    person.page.get_by_role("button", name="Not here").click()
    person.saved()
    assert "is not on frames 5–8." in person.status
    kinds = "app.lanes.get(args[0]).map((span) => [span.start, span.stop, span.kind])"
    assert [5, 9, "absent"] in person.look(kinds, cup)
    assert "not in this frame" in person.page.inner_text("#hint")
    person.press("Control+b")  # tracking leaves it so
    person.saved()
    assert [5, 9, "absent"] in person.look(kinds, cup)
    person.press("Control+z")
    person.until(lambda: person.status.startswith("Undone"))
    person.saved()
    assert all(kind != "absent" for *_, kind in person.look(kinds, cup))
    assert (person.mask(cup, 6) == before).all()
    person.press("Control+Shift+z")
    person.until(lambda: person.status.startswith("Done again"))
    assert "frames 5 to 8 without object" in person.status
    person.saved()
    assert [5, 9, "absent"] in person.look(kinds, cup)
    person.page.reload()
    person.wait("app.video && connection.up")
    person.press("Control+z")  # one step, also for a page that was loaded again
    person.until(lambda: person.status.startswith("Undone"))
    person.saved()
    person.press(*["f"] * 6)
    assert (person.mask(cup, 6) == before).all()


def test_tracking_back_and_both_ways(person: Person) -> None:
    person.press(*["f"] * 6)
    first_object(person)
    spans = "app.lanes.get(app.selected).flatMap((span) => [span.start, span.stop])"
    person.press("Control+Shift+b")
    person.wait("app.lanes.get(app.selected)?.[0].start === 0")
    person.saved()
    assert max(person.look(spans)) == 7
    person.press("Control+Alt+b")
    person.wait("app.lanes.get(app.selected).at(-1).stop === app.video.length")
    person.saved()


def test_wheel_zooms_to_the_cursor_and_fit(person: Person) -> None:
    person.page.mouse.move(*person.place(100, 80))
    before = person.place(100, 80)
    scale = person.look("view.scale")
    person.page.mouse.wheel(0, -240)
    person.page.wait_for_timeout(60)
    assert person.look("view.scale") > 1.5 * scale
    assert np.allclose(person.place(100, 80), before, atol=1.5)
    person.press("z")
    assert abs(person.look("view.scale") - scale) < 1e-6


def test_objects_merge_split_swap_clear_lock(person: Person) -> None:
    cup = first_object(person)
    person.press("n", "Shift+1")
    person.drag((40, 200), (80, 200))
    person.saved()
    other = person.look("app.selected")
    drawn, clicked = person.mask(other), person.mask(cup)
    person.press("Shift+S")
    person.page.locator("dialog .choice").first.click()
    person.saved()
    assert (person.mask(cup) == drawn).all()
    assert (person.mask(other) == clicked).all()
    person.press("Control+z")
    person.saved()
    assert (person.mask(cup) == clicked).all()
    person.press("m")
    person.page.locator("dialog .choice").first.click()
    person.saved()
    assert person.look("app.video.objects.length") == 1
    person.press("Control+z")
    person.saved()
    person.press("ArrowUp")
    assert person.look("app.selected") == cup
    person.press("Shift+Delete")
    person.saved()
    assert person.mask(cup) is None
    person.press("Control+z", "l")
    person.saved()
    assert person.look("app.video.objects[0].locked")
    person.press("l", "Delete")
    person.saved()
    assert person.look("app.video.objects.length") == 1
    person.page.get_by_role("button", name="Undo", exact=True).last.click()
    person.saved()
    assert person.look("app.video.objects.length") == 2
