"""What the documents name exists: files, modules, classes, links."""

import importlib
import re
from pathlib import Path

import pytest

from sam2track.cli import VERBS

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
TOP = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "THIRD_PARTY.md"]
TEXTS = [*(ROOT / name for name in TOP), *PAGES]
CONFIGS = sorted((ROOT / "configs").rglob("*.yaml"))


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_files_and_links_lead_somewhere(path):
    text = path.read_text(encoding="utf-8")
    named = re.findall(r"\b(?:sam2track|configs|scripts|tests)/[\w/]+\.(?:py|yaml)\b", text)
    missing = [name for name in named if "yours" not in name and not (ROOT / name).exists()]
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
    missing += [link for link in links if "://" not in link and not (path.parent / link).exists()]
    assert not missing


def headings(path):
    """Headings as GitHub names them in links."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    found = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", one.lower()).strip().replace(" ", "-") for one in found}


@pytest.mark.parametrize("path", [*TEXTS, ROOT / "CHANGELOG.md"], ids=lambda path: path.name)
def test_links_to_headings_lead_to_one(path):
    links = re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", path.read_text(encoding="utf-8"))
    here = [(path.parent / file if file else path, name) for file, name in links if ":" not in file]
    assert not [(file.name, name) for file, name in here if name not in headings(file)]


@pytest.mark.parametrize("path", [*TEXTS, *CONFIGS], ids=lambda path: path.name)
def test_dotted_names_exist(path):
    """Of files and of a group of entry points no module is expected."""
    text = path.read_text(encoding="utf-8")
    for name in set(re.findall(r"\bsam2track(?:\.\w+)+(?!\w*[(/])", text)):
        parts = name.split(".")
        if parts[-1] in ("mp4", "yaml", "safetensors", "pt") or name == "sam2track.detectors":
            continue
        for cut in range(len(parts), 0, -1):
            try:
                found = importlib.import_module(".".join(parts[:cut]))
                break
            except ModuleNotFoundError as missing:
                if not (missing.name or "").startswith("sam2track"):
                    cut = len(parts)  # the module is there, a package that it needs is not
                    break
        for attribute in parts[cut:]:
            assert hasattr(found, attribute), f"{name}, in {path.name}"
            found = getattr(found, attribute)


def test_every_verb_folder_and_page_is_named():
    readme, concepts, command = (
        (ROOT / name).read_text(encoding="utf-8")
        for name in ("README.md", "docs/concepts.md", "docs/command.md")
    )
    pages = [page for page in PAGES if page.parent.name == "docs" and page.name != "index.md"]
    assert not [page for page in pages if f"(docs/{page.name}" not in readme]
    folders = [init.parent.name for init in (ROOT / "sam2track").glob("*/__init__.py")]
    assert not [folder for folder in folders if f"sam2track/{folder})" not in concepts]
    text = command.replace("`", " ").replace("\n", " ")
    assert not [verb for verb in VERBS if f"sam2track {verb} " not in text]
