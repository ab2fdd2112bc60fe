"""Writes tutorials as notebooks: ``python scripts/notebooks.py``.

In: pages of docs/tutorials, in Markdown. Out: docs/notebooks/<page>.ipynb, without outputs. Python
becomes a code cell, a line of a shell a cell with ``!``, a block with a file's name a cell that
writes this file; what a block prints is left out, since running it shows it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TUTORIALS = ROOT / "docs" / "tutorials"
OUT = ROOT / "docs" / "notebooks"
PAGES = ("microscope", "live", "memory_policy")  # the three uses of the package
BLOCK = re.compile(r'^```(\w*)(?: title="([^"]+)")?\n(.*?)^```$\n?', re.MULTILINE | re.DOTALL)


def notebook(page: str) -> str:
    """The notebook of a tutorial, as JSON."""
    text = (TUTORIALS / f"{page}.md").read_text(encoding="utf-8")
    cells, start = [], 0
    for block in BLOCK.finditer(text):
        cells += words(text[start : block.start()])
        cells += code(*block.groups())
        start = block.end()
    cells += words(text[start:])
    for number, cell in enumerate(cells):
        cell["id"] = f"{page}-{number}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    whole = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def words(text: str) -> list[dict]:
    """A cell of text, if there is any; links lead to the pages beside the notebook's folder."""
    text = re.sub(r"\]\((?!https?:|#|\.\./)([\w/]+\.md)", r"](../tutorials/\1", text.strip())
    return [{"cell_type": "markdown", "metadata": {}, "source": lines(text)}] if text else []


def code(language: str, title: str, text: str) -> list[dict]:
    """The cells of a block."""
    if language == "text":
        return []
    if title:
        folder = str(Path(title).parent)
        text = f"%%writefile {title}\n{text}"
        if folder != ".":
            return [*cell(f'import os\n\nos.makedirs("{folder}", exist_ok=True)'), *cell(text)]
    elif language == "sh":
        text = "\n".join(f"!{line}" for line in text.replace("\\\n", " ").splitlines() if line)
    return cell(text)


def cell(text: str) -> list[dict]:
    """A code cell without output."""
    own = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    return [{**own, "source": lines(text.strip())}]


def lines(text: str) -> list[str]:
    """The lines of a cell, as notebooks store them."""
    return text.splitlines(keepends=True)


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    for name in PAGES:
        (OUT / f"{name}.ipynb").write_text(notebook(name), encoding="utf-8")
        print(OUT / f"{name}.ipynb")
