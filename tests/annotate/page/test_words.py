"""What the page says: names of objects, notices, and undo when there is nothing."""

from __future__ import annotations

from pathlib import Path

from annotate.page.browsing import Person

CUP = (181, 92)


def test_an_object_is_told_by_its_number(person: Person) -> None:
    person.click(*CUP)
    person.saved()
    number = person.look("app.video.objects[0].number")
    assert person.look("state.title(app.video.objects[0])") == f"Object {number}"
    person.page.fill("#details input[placeholder]", "cat")
    person.press("Enter")
    person.until(lambda: person.look("app.video.objects[0].name") == "cat")
    assert person.look("state.title(app.video.objects[0])") == f"Object {number} (cat)"


def test_undo_in_a_notice_undoes_only_what_it_tells(person: Person) -> None:
    person.click(*CUP)
    person.saved()
    person.press("Delete")
    person.saved()
    notice = person.page.locator('[data-id="removed"]')
    assert notice.count() == 1
    person.click(*CUP)
    person.saved()
    assert notice.count() == 0


def test_tracking_waits_for_a_click(person: Person) -> None:
    person.click(*CUP)
    person.press("Control+b")
    person.wait("app.lanes.get(app.selected)?.some((span) => span.stop === app.video.length)")


def test_a_mistake_in_a_dialog_is_told_there(person: Person, tmp_path: Path) -> None:
    wrong = tmp_path / "notes.txt"
    wrong.write_text("no video")
    person.press("Shift+V")
    person.page.set_input_files("dialog input[type=file]", wrong)
    person.page.wait_for_selector("dialog .notice.error")
    assert person.page.locator(".notice").count() == 1
    person.page.click("dialog .notice button")
    person.press("Escape")
    assert person.page.locator("#notices").count() == 1
