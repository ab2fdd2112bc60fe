"""How the page looks: contrast of all texts in both themes, nothing covered, nothing cut off."""

from __future__ import annotations

from typing import Any

import pytest
from annotate.page.browsing import Person, Server

CUP = (181, 92)
# Every text that is seen, with its colour and what lies behind it, as red, green, blue, 0..255.
TEXTS = """() => {
  const colour = (text) => {
    const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
    return [r, g, b, a];
  };
  const over = ([r, g, b, a], back) => [r, g, b].map((part, at) => part * a + back[at] * (1 - a));
  const backOf = (element) => {
    if (!element) return [255, 255, 255];
    const style = getComputedStyle(element);
    const own = colour(style.backgroundColor);
    return own[3] >= 1 ? own.slice(0, 3) : over(own, backOf(element.parentElement));
  };
  const found = [];
  const root = [...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body;
  for (const element of root.querySelectorAll("*")) {
    if (!element.checkVisibility({ visibilityProperty: true })) continue;
    if (element.closest(":disabled, canvas, .unseen, .skip")) continue;
    const nodes = [...element.childNodes].filter((node) => node.nodeType === 3);
    const own = nodes.map((node) => node.data.trim()).join("");
    const hint = element.placeholder && !element.value;
    if (!own && !element.value && !hint) continue;
    const style = getComputedStyle(element, hint ? "::placeholder" : null);
    let seen = colour(style.color);
    for (let each = element; each; each = each.parentElement) {
      seen[3] *= Number(getComputedStyle(each).opacity);
    }
    const [text, back] = [own || element.value || element.placeholder, backOf(element)];
    found.push({ text, front: over(seen, back), back });
  }
  return found;
}"""
# Buttons and fields whose text is wider than they are.
CUT = """() => [...document.querySelectorAll("button, label, h2, h3, .strip span, select")]
  .filter((one) => one.checkVisibility() && one.clientWidth && !one.closest(".list, .top"))
  .filter((one) => one.scrollWidth > one.clientWidth + 1)
  .map((one) => one.outerHTML.slice(0, 200))"""


def contrast(one: list[float], other: list[float]) -> float:
    """Of two colours, 0..255, as WCAG 2 defines it."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def luminance(colour: list[float]) -> float:
    parts = [part / 255 for part in colour]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def readable(page: Any, where: str) -> int:
    """Check the contrast of all texts that are seen; how many there are."""
    texts = page.evaluate(TEXTS)
    poor = [
        (one["text"], round(contrast(one["front"], one["back"]), 2))
        for one in texts
        if contrast(one["front"], one["back"]) < 4.5
    ]
    assert poor == [], where
    return len(texts)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_contrast_of_all_texts(browser, server: Server, person: Person, theme: str) -> None:
    page = person.page
    page.emulate_media(color_scheme=theme)
    assert readable(page, "nothing yet") > 40
    person.click(*CUP)
    person.saved()
    assert readable(page, "clicked") > 60
    person.press("h")
    page.wait_for_timeout(100)
    readable(page, "hidden object")
    person.press("h", "Control+b")
    person.wait("app.lanes.get(app.selected)?.some((span) => span.stop === app.video.length)")
    person.saved()
    person.press("Home", "f", "f", "f", "q", "f", "w")
    person.click(181, 150)
    person.saved()
    page.wait_for_selector("#progress:not([hidden])")
    readable(page, "correction, range")
    failed = '(await import("/static/notices.js")).notice("wrong", {kind: args[0]})'
    for kind in ("error", "info", "done"):
        person.look(failed, kind)
    readable(page, "notices")
    for key in ("?", "c", "Shift+V", "Control+e"):
        person.press(key)
        page.wait_for_timeout(150)
        assert readable(page, f"dialog {key}") > 4
        person.press("Escape")
    person.press("r")
    page.wait_for_timeout(150)
    readable(page, "review")
    context = browser.new_context(color_scheme=theme)
    other = Person(context.new_page(), server.address)
    other.wait("state.readOnly()")
    readable(other.page, "somebody else")
    context.close()


def test_the_theme_of_the_system_and_by_hand(person: Person) -> None:
    def back() -> str:
        return person.page.evaluate("getComputedStyle(document.body).backgroundColor")

    person.page.emulate_media(color_scheme="light")
    light = back()
    person.page.emulate_media(color_scheme="dark")
    assert back() != light
    person.press("Shift+T")  # by hand, whatever the system says
    assert back() == light
    assert person.page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
    person.page.emulate_media(color_scheme="light")
    person.press("Shift+T")
    assert back() != light


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1024, 768), (390, 844)])
def test_nothing_is_cut_off(person: Person, width: int, height: int) -> None:
    page = person.page
    page.set_viewport_size({"width": width, "height": height})
    person.click(*CUP)
    person.saved()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CUT) == []
    for key in ("Shift+V", "Control+e", "?", "r"):
        person.press(key)
        page.wait_for_timeout(150)
        assert page.evaluate(CUT) == [], key
        person.press("Escape")


def test_notices_cover_no_button(person: Person) -> None:
    person.click(*CUP)
    person.saved()
    for text in ("one", "two", "three"):
        person.look(
            '(await import("/static/notices.js")).notice(args[0], {kind: "error"})', text * 20
        )
    covered = person.page.evaluate(
        """() => [...document.querySelectorAll("button, input, select")].filter((one) => {
          const box = one.getBoundingClientRect();
          if (!one.checkVisibility() || one.closest("#notices")) return false;
          const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
          return Boolean(top?.closest("#notices"));
        }).map((one) => one.outerHTML)"""
    )
    assert covered == []


def test_the_focus_is_seen(person: Person) -> None:
    """Every control that Tab reaches has a ring."""
    person.click(*CUP)
    person.saved()
    person.press("Escape")  # the candidates, through which Tab goes on the picture
    seen = set()
    for _ in range(90):
        person.press("Tab")
        name, outline = person.page.evaluate(
            "[document.activeElement.outerHTML.slice(0, 90), "
            "getComputedStyle(document.activeElement).outlineStyle]"
        )
        if name.startswith("<body") or name in seen:
            continue
        seen.add(name)
        assert outline != "none", name
    assert len(seen) > 40
