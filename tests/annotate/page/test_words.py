"""What the page says: names of objects, notices, and undo when there is nothing."""

from __future__ import annotations

from pathlib import Path

from annotate.page.browsing import Person, Server

CUP, HAND = (181, 92), (240, 115)


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


def test_the_object_of_last_time_is_selected_again(person: Person, server: Server) -> None:
    person.click(*CUP)
    person.saved()
    first = person.look("app.selected")
    person.press("n")
    person.click(*HAND)
    person.saved()
    assert len(person.look("app.video.objects")) == 2
    person.page.click(f'[data-object="{first}"] .pick')
    person.page.reload()
    person.page.wait_for_selector("#ready", state="attached")
    person.wait("app.video && frames.hasPicture(app.frame)")
    assert person.look("app.selected") == first
    person.click(CUP[0], CUP[1] + 40)
    person.saved()
    assert len(server.get("/api/videos/1")["objects"]) == 2


def test_the_first_click_and_its_object_are_one_step(person: Person) -> None:
    person.click(*CUP)
    person.saved()
    person.press("n")
    person.click(*HAND)
    person.saved()
    thing = person.look("app.selected")
    assert len(person.look("app.video.objects")) == 2
    person.press("Control+z")
    person.wait("app.video.objects.length === 1")
    assert "and this object" in person.status
    person.press("Control+Shift+z")
    person.wait("app.video.objects.length === 2")
    person.saved()
    assert person.mask(thing) is not None


def test_hints_are_whole_sentences(person: Person) -> None:
    person.click(*CUP)
    person.saved()
    person.until(lambda: person.page.locator("#advice button").count() == 1)
    assert person.page.inner_text("#advice > span").endswith("If the mask is right:")
    assert person.page.evaluate(
        "(() => { const s = document.querySelector('#advice > span');"
        " return s.scrollHeight <= s.clientHeight + 1; })()"
    )


def test_the_queue_names_objects_of_other_videos(person: Person) -> None:
    person.look(
        "(app.review = [{video: 99, object: 7, number: 3, frame: 4, last: 5, why: 'odd',"
        " state: 'new'}], app.reviewing = true, state.announce('review'))"
    )
    assert "Object 3: odd" in person.page.inner_text("#review-body")
