"""One server and one browser for the tests of the page; skipped where there is no chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from annotate.page.browsing import CHROMIUM, Person, Server, browsing, serving, write_short_cup

pytest.importorskip("playwright", reason="the tests of the page need playwright")
if CHROMIUM is None:
    pytest.skip("the tests of the page need chromium", allow_module_level=True)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    with browsing() as found:
        yield found


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("page")
    clip = write_short_cup(folder, length=16, scale=0.5)
    with serving(folder / "project", f"video={clip}") as running:
        yield running


@pytest.fixture
def person(browser: Any, server: Server) -> Iterator[Person]:
    """A person at the page of a video that has no objects."""
    for video in server.get("/api/videos"):
        server.send("POST", f"/api/videos/{video['id']}/lease", {"take_over": True})
        for thing in server.get(f"/api/videos/{video['id']}")["objects"]:
            server.send("DELETE", f"/api/objects/{thing['id']}")
        server.send("DELETE", f"/api/videos/{video['id']}/lease")
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    one = Person(context.new_page(), server.address)
    yield one
    context.close()
    assert one.errors == []
