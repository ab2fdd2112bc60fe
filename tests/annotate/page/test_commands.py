"""Every command does what it says when its key is pressed, and every tool has a test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from annotate.page.browsing import Person
from annotate.page.test_keys import pressed

CUP = (181, 92)
FRAME, TOOL, STATUS = "app.frame", "app.tool", "document.getElementById('status').textContent"
VIEW, CROSS = "[view.scale, view.x, view.y]", "app.crosshair?.join()"
DIALOG = "document.querySelector('dialog')?.ariaLabel"
OBJECT, STATE = "JSON.stringify(app.video.objects)", "JSON.stringify(app.video.reviews)"
MASKS = "JSON.stringify([...app.lanes])"
PANELS = "document.body.className"
# What is pressed before, and what the key then changes; frame 5, object 1 and the point tool are
# chosen before that.
EFFECTS: dict[str, tuple[list[str], str]] = {
    **{one: ([], FRAME) for one in ("next", "previous", "next-ten", "previous-ten")},
    **{one: ([], FRAME) for one in ("next-prompt", "previous-prompt", "first", "last")},
    **{one: ([], FRAME) for one in ("doubtful", "doubtful-back")},
    "play": ([], "app.playing"),
    "go": ([], "document.activeElement.id"),
    **{one: ([], TOOL) for one in ("select", "box", "brush", "eraser", "polygon")},
    **{one: ([], TOOL) for one in ("polygon-minus", "corners")},
    "point": (["b"], TOOL),
    "point-negative": ([], "app.negative"),
    "larger": ([], "app.brushSize"),
    "smaller": ([], "app.brushSize"),
    **{f"cross-{way}": (["Alt+ArrowUp"], CROSS) for way in ("left", "right", "up", "down")},
    **{f"cross-{way}-far": (["Alt+ArrowUp"], CROSS) for way in ("left", "right", "up", "down")},
    "new": ([], "app.selected"),
    "class": ([], DIALOG),
    "next-object": ([], "app.selected"),
    "previous-object": ([], "app.selected"),
    **{f"object-{digit}": (["n"], f"[app.selected, {STATUS}].join()") for digit in range(1, 10)},
    "hide": ([], "app.hidden.size"),
    "lock": ([], OBJECT),
    "only": ([], "app.onlySelected"),
    "merge": ([], DIALOG),
    "swap": ([], DIALOG),
    "split": ([], OBJECT),
    "not-here": ([], MASKS),
    "clear": ([], MASKS),
    "remove": ([], OBJECT),
    "range-start": ([], "app.range?.join()"),
    "range-stop": ([], "app.range?.join()"),
    "range": ([], STATUS),
    "save": ([], STATUS),
    "review": ([], "app.reviewing"),
    "accept": ([], STATE),
    "reject": ([], DIALOG),
    "compare": ([], "app.compare"),
    "export": ([], DIALOG),
    **{one: ([], VIEW) for one in ("zoom-in", "zoom-out")},
    "fit": (["i"], VIEW),
    **{f"pan-{way}": ([], VIEW) for way in ("left", "right", "up", "down")},
    "outlines": ([], "app.outlines"),
    "opacity-more": ([], "app.opacity"),
    "opacity-less": ([], "app.opacity"),
    "left-panel": ([], PANELS),
    "right-panel": ([], PANELS),
    "theme": ([], "document.documentElement.dataset.theme"),
    "videos": ([], DIALOG),
    "next-video": ([], STATUS),
    "previous-video": ([], STATUS),
    "help": ([], DIALOG),
    "timeline-in": ([], "document.getElementById('timeline').toDataURL()"),
    "timeline-out": (["Shift+Equal"], "document.getElementById('timeline').toDataURL()"),
    "timeline-all": (["Shift+Equal"], "document.getElementById('timeline').toDataURL()"),
}
# Commands that need a story of their own, and the test that tells it.
STORIES = {
    "candidate": "test_candidates_by_tab",
    "take-back": "test_point_and_taking_back",
    "enter": "test_polygons",
    "escape": "test_escape_leaves_a_stroke",
    "cross-click": "test_keyboard_alone",
    "cross-negative": "test_keyboard_says_not_this",
    "holes": "test_holes_and_islands",
    "islands": "test_holes_and_islands",
    "forward": "test_whole_story",
    "back": "test_tracking_back_and_both_ways",
    "both": "test_tracking_back_and_both_ways",
    "undo": "test_whole_story",
    "redo": "test_whole_story",
}
TOOLS = {
    "select": "test_select_and_new",
    "point": "test_point_and_taking_back",
    "box": "test_box",
    "brush": "test_brush_makes_an_object_and_eraser_takes_away",
    "eraser": "test_brush_makes_an_object_and_eraser_takes_away",
    "polygon": "test_polygons",
    "polygon-minus": "test_polygons",
    "corners": "test_corners_of_a_stored_polygon",
}
BEGIN = """(() => {
  document.querySelector("dialog")?.close();
  document.getElementById("status").textContent = "";
  document.activeElement.blur();
  Object.assign(app, {
    frame: 5, selected: app.video.objects[0].id, tool: "point", negative: false, range: null,
    onlySelected: false, compare: false, playing: false, candidates: null, crosshair: null,
    reviewing: false,
    review: [2, 9].map((frame) => (
      { video: 1, object: app.video.objects[0].id, frame, last: frame, why: "?", state: "new" })),
  });
  state.announce("frame", "selection", "tool", "range", "settings", "objects", "review");
})()"""


def test_every_command_and_tool_has_a_test(person: Person) -> None:
    commands = set(person.look("COMMANDS.map((one) => one.id)"))
    assert commands == EFFECTS.keys() | STORIES.keys()
    tools = person.look('(await import("/static/tools.js")).TOOLS.map((one) => one.id)')
    assert set(tools) == TOOLS.keys()
    source = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    tests = set(re.findall(r"^def (test_\w+)", source, re.MULTILINE))
    assert {*STORIES.values(), *TOOLS.values()} <= tests


def test_every_key_does_what_it_says(person: Person) -> None:
    person.press("f", "f")
    person.click(*CUP)
    person.saved()
    person.press("n", "Shift+1")
    person.drag((40, 200), (80, 200))
    person.saved()
    person.press("ArrowUp", "Control+Alt+b")
    person.wait("app.lanes.get(app.selected)?.some((span) => span.stop === app.video.length)")
    person.saved()
    person.look("(await import('/static/playback.js')).seek(8)")
    person.press("p")
    person.click(181, 150)
    person.saved()
    for command, (before, effect) in EFFECTS.items():
        key = pressed(person.look(f"COMMANDS.find((one) => one.id === '{command}').keys[0]"))
        for last in (False, True):  # what the server says meanwhile may undo what BEGIN sets up
            # A list of doubtful masks that was asked for before would come after that of BEGIN.
            person.look("(await import('/static/review.js')).refreshReview()")
            person.look(BEGIN)
            person.page.wait_for_timeout(40)
            person.press(*before)
            person.page.wait_for_timeout(40)
            there, made = person.look(effect), person.look("connection.made")
            person.press(key)
            try:
                person.until(lambda: person.look(effect) != there, timeout=8)  # noqa: B023
                break
            except AssertionError:
                if last:
                    pytest.fail(f"{command}: {key} changes nothing: {effect} is {there}")
        if person.look("connection.made") != made:  # what was stored is undone
            person.saved()
            person.press("Control+z")
            person.saved()
