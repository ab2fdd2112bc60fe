"""Every key of the page runs its command; keys can be changed, exported and read again."""

from __future__ import annotations

import json
from pathlib import Path

from annotate.page.browsing import Person

NAMES = {"Ctrl": "Control", "Left": "ArrowLeft", "Right": "ArrowRight", "Up": "ArrowUp"}
NAMES |= {"Down": "ArrowDown"}
RECORD = (
    "(() => { window.ran = []; for (const one of COMMANDS) one.run = () => ran.push(one.id); })()"
)


def pressed(key: str) -> str:
    """The page's name of a key as Playwright has it."""
    parts = key.replace("Shift+=", "Shift+Equal").replace("Shift+-", "Shift+Minus").split("+")
    names = [NAMES.get(part, part) for part in parts]
    if names[-1].isdigit():
        names[-1] = f"Digit{names[-1]}"
    elif len(names[-1]) == 1 and names[-1].isalpha():
        names[-1] = f"Key{names[-1]}"
    return "+".join(names)


def test_every_key_runs_its_command(person: Person) -> None:
    bindings = person.look("COMMANDS.map((one) => [one.id, one.keys])")
    person.look(RECORD)
    assert len(bindings) > 75
    for command, keys in bindings:
        assert keys, command
        for key in keys:
            person.press(pressed(key))
            ran = person.page.evaluate("ran.splice(0)")
            assert ran == [command], f"{key} runs {ran}, not {command}"


def test_no_key_twice(person: Person) -> None:
    keys = person.look("COMMANDS.flatMap((one) => one.keys)")
    assert sorted(keys) == sorted(set(keys))


def test_keys_do_nothing_while_typing(person: Person) -> None:
    person.look(RECORD)
    person.page.locator("#frame-number").focus()
    person.press("n", "1", "Backspace")
    assert person.page.evaluate("ran") == []


def test_help_is_searched_and_keys_are_changed(person: Person, tmp_path: Path) -> None:
    person.press("?")
    page = person.page
    page.fill("dialog input[type=search]", "swap")
    assert page.locator(".command").count() == 1
    page.locator(".command .keys").click()
    person.press("f")  # was: next frame
    assert "Next frame has no F any more" in page.inner_text("dialog [role=status]")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export keys").click()
    kept = json.loads(Path(download.value.path()).read_text())["keys"]
    assert kept["swap"] == ["F"]
    assert kept["next"] == ["Right"]
    page.get_by_role("button", name="All keys as they were").click()
    assert person.look('keys.keyFor("swap")') == "Shift+S"
    (tmp_path / "keys.json").write_text(json.dumps({"keys": {"swap": ["Ctrl+K"]}}))
    page.set_input_files("dialog input[type=file]", str(tmp_path / "keys.json"))
    person.wait('keys.keyFor("swap") === "Ctrl+K"')
    person.press("Escape")
    page.wait_for_selector("dialog", state="detached")


def test_frames_by_keys(person: Person) -> None:
    for key, frame in [("f", 1), ("Shift+F", 11), ("d", 10), ("Shift+D", 0), ("End", 15)]:
        person.press(key)
        assert person.look("app.frame") == frame, key
    person.press("Home", "Space")
    person.wait("app.frame > 3")
    person.press("Space")
    frame = person.look("app.frame")
    person.page.wait_for_timeout(200)
    assert person.look("app.frame") == frame
    assert not person.look("app.playing")
