"""Pages of the documentation's site that are made when it is built; mkdocs.yml names this file.

In: the settings' YAML with its comments, the public names of the package's folders, and Markdown
files of the top folder. Out: pages under ``reference/``, and ``changelog.md``, ``contributing.md``,
... Links that leave ``docs/`` are changed to lead to these pages, or to the source.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

from sam2track.cli import VERBS
from sam2track.runners.help import WHOLE, read_options

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
CONFIGS = ROOT / "configs"
# Files of the top folder that are pages too. Instead of README.md the site has index.md.
TOP = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "THIRD_PARTY.md": "licences.md",
}
# Folders whose modules are entered one by one, and those of their modules that users need.
BY_MODULE = {
    "data": [
        *("readers.davis", "readers.youtube_vos", "readers.mose", "readers.lvos", "readers.sav"),
        *("readers.box_datasets", "readers.folder", "readers.still_images", "readers.sequence"),
        *("clips.clip", "clips.video_clips", "clips.still_clips", "clips.procedural_clips"),
        *("clips.windows", "clips.augment"),
    ],
    "benchmark": ["datasets", "pool", "protocols", "trackers", "scoring", "results", "compare"],
    "integrations": ["cvat", "label_studio"],
}
LINK = re.compile(r"(!?\[[^\]]*\])\(([^)#\s:]+)(#[^)\s]*)?\)")
ROLE = re.compile(r":(?:class|func|meth|mod|attr|data):(?=<code>)")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that are made here."""
    pages = {f"reference/settings/{verb}.md": settings_page(verb) for verb in VERBS}
    folders = [init.parent for init in sorted((ROOT / "sam2track").glob("*/__init__.py"))]
    for folder in folders:
        if text := names_page(folder):
            pages[f"reference/api/{folder.name}.md"] = text
    pages["reference/api/sam2track.md"] = names_page(ROOT / "sam2track")
    for source, page in TOP.items():
        if page != "index.md":
            text = (ROOT / source).read_text(encoding="utf-8")
            pages[page] = relink(text, ROOT, page, config["extra"]["source"])
    for path, text in pages.items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """Change links of a page in docs/ that lead out of it."""
    path = page.file.src_uri
    if not (DOCS / path).exists():
        return markdown  # made above
    return relink(markdown, (DOCS / path).parent, path, config["extra"]["source"])


def on_page_content(html: str, **_: Any) -> str:
    """Docstrings name classes as Sphinx does; here they are plain code."""
    return ROLE.sub("", html)


def relink(markdown: str, folder: Path, page: str, source: str) -> str:
    """Links that are right in ``folder`` become right on the site's ``page``.

    ``source`` is the address of the repository's files; if it is empty, a link to one of them
    becomes plain text.
    """
    start = (DOCS / page).parent

    def changed(link: re.Match[str]) -> str:
        text, target, anchor = link[1], link[2], link[3] or ""
        place = Path(os.path.normpath(folder / target))
        if place.is_relative_to(DOCS):
            goal = place
        elif place.is_relative_to(ROOT) and str(place.relative_to(ROOT)) in TOP:
            goal = DOCS / TOP[str(place.relative_to(ROOT))]
            anchor = "" if goal.name == "index.md" else anchor
        elif source and place.is_relative_to(ROOT):
            return f"{text}({source}{place.relative_to(ROOT).as_posix()})"
        else:
            return text.strip("![]")
        return f"{text}({os.path.relpath(goal, start)}{anchor})"

    parts = re.split(r"(^```.*?^```$)", markdown, flags=re.MULTILINE | re.DOTALL)
    return "".join(
        part if place % 2 else LINK.sub(changed, part) for place, part in enumerate(parts)
    )


def settings_page(verb: str) -> str:
    """All settings of a verb, as tables, with the choices of its groups."""
    text = (CONFIGS / f"{verb}.yaml").read_text(encoding="utf-8")
    header, _, body = text.partition("\n\n")
    lines = [line.removeprefix("#").removeprefix(" ") for line in header.splitlines()]
    title, examples = lines[0], "\n".join(lines[1:]).strip("\n")
    page = [f"# sam2track {verb}", title, "```text", examples, "```"]
    page += ["How to give settings: [Settings, sweeps and launchers](../../hydra.md)."]
    page += tables(body)
    groups = re.findall(r"^  - (\w+): (.+)$", body, re.MULTILINE)
    for group, default in groups:
        page += [f"## {group}=", f"Default: `{group}={default.replace(' ', '')}`."]
        for path in sorted((CONFIGS / group).glob("*.yaml")):
            page += choice(group, path)
    return "\n\n".join(page) + "\n"


def choice(group: str, path: Path) -> Iterator[str]:
    """One choice of a group: its title, its class and its settings."""
    text = path.read_text(encoding="utf-8")
    whole = text.startswith(WHOLE)
    comments = re.match(r"(?:# .*\n)+", text.removeprefix(WHOLE))
    about = comments[0].replace("# ", "").strip().replace("\n", " ") if comments else ""
    yield f"### {group}={path.stem}"
    yield about
    if target := re.search(r"^_target_: (\S+)", text, re.MULTILINE):
        yield f"Made by `{target[1]}`."
    rest = text.removeprefix(WHOLE)[comments.end() if comments else 0 :]
    yield from tables(rest, "" if whole else f"{group}.")


def tables(text: str, prefix: str = "") -> Iterator[str]:
    """A heading and a table for each part of a YAML file."""
    rows: list[str] = []
    for key, value, meaning in [*read_options(text), ("", "", "")]:
        if not key:
            if rows:
                yield "\n".join(["| setting | default | meaning |", "|---|---|---|", *rows])
            rows = []
            if meaning:
                yield f"## {meaning}"
            continue
        default = {"null": "", "???": "(required)"}.get(value, f"`{value}`")
        cells = [f"`{prefix}{key}`", default, meaning]
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")


def names_page(folder: Path) -> str:
    """The public names of a folder of the package, for mkdocstrings; empty if it has none."""
    name = ".".join(folder.relative_to(ROOT).parts)
    tree = ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))
    about = ast.get_docstring(tree) or ""
    names = [f"{name}.{own}" for own in public_names(tree)]
    names = names or [f"{name}.{module}" for module in BY_MODULE.get(folder.name, ())]
    if not names:
        return ""
    page = [f"# {name}", re.sub(r":\w+:(?=`)", "", about).replace("``", "`")]
    return "\n\n".join([*page, *(f"::: {own}" for own in names)]) + "\n"


def public_names(tree: ast.Module) -> list[str]:
    """What ``__all__`` lists."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return sorted(ast.literal_eval(node.value))
    return []
