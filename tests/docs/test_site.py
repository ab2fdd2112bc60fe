"""The site has every page, every setting and every public name; ``make docs`` builds it."""

from __future__ import annotations

import importlib.util
import json
import re
import runpy
from pathlib import Path

import pytest

from sam2track.cli import VERBS

ROOT = Path(__file__).parents[2]
NAVIGATION = set(re.findall(r"(?::|-) (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.M))


@pytest.fixture(scope="module")
def made():
    """The script that makes pages; it needs mkdocs, which `make docs` installs."""
    pytest.importorskip("mkdocs")
    spec = importlib.util.spec_from_file_location("docs_site", ROOT / "scripts" / "docs_site.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_page_is_in_the_navigation():
    pages = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
    assert pages <= NAVIGATION
    assert {f"reference/settings/{verb}.md" for verb in VERBS} <= NAVIGATION


def test_every_folder_with_names_is_in_the_navigation(made):
    folders = [init.parent for init in (ROOT / "sam2track").glob("*/__init__.py")]
    named = {f"reference/api/{one.name}.md" for one in folders if made.names_page(one)}
    assert len(named) >= 15
    assert named <= NAVIGATION
    assert "::: sam2track.TrackingSession" in made.names_page(ROOT / "sam2track")


@pytest.mark.parametrize("verb", VERBS)
def test_every_setting_is_on_its_page(made, verb):
    page = made.settings_page(verb)
    text = (ROOT / "configs" / f"{verb}.yaml").read_text(encoding="utf-8")
    for name in re.findall(r"^(\w+): .*  # ", text, re.MULTILINE):
        assert f"| `{name}` |" in page
    for group in re.findall(r"^  - (\w+): ", text, re.MULTILINE):
        for choice in (ROOT / "configs" / group).glob("*.yaml"):
            assert f"### {group}={choice.stem}\n" in page


@pytest.mark.parametrize(
    ("link", "source", "expected"),
    [
        ("[a](zoom.md#b)", "", "[a](zoom.md#b)"),
        ("[a](../README.md)", "", "[a](index.md)"),
        ("[a](../CONTRIBUTING.md#b)", "", "[a](contributing.md#b)"),
        ("[`a`](../sam2track/types.py)", "", "`a`"),
        ("[`a`](../sam2track/types.py)", "https://h/", "[`a`](https://h/sam2track/types.py)"),
        ("[a](https://h/x.md)", "", "[a](https://h/x.md)"),
        ("```\n[a](../sam2track)\n```", "", "```\n[a](../sam2track)\n```"),
    ],
)
def test_links_out_of_the_pages(made, link, source, expected):
    assert made.relink(link, ROOT / "docs", "start.md", source) == expected


@pytest.mark.parametrize("page", ["microscope", "live", "memory_policy"])
def test_notebooks_are_their_tutorials(page):
    """If this fails: python scripts/notebooks.py."""
    names = runpy.run_path(str(ROOT / "scripts" / "notebooks.py"))
    stored = (ROOT / "docs" / "notebooks" / f"{page}.ipynb").read_text(encoding="utf-8")
    assert stored == names["notebook"](page)
    for cell in json.loads(stored)["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "code" and not text.startswith(("!", "%%")):
            compile(text, page, "exec")
