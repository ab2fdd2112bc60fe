"""Prints the licences of the packages that sam2track needs, with those that they need.

    python scripts/licences.py                  # as a Markdown table
    python scripts/licences.py serve train      # with these extras

Ends with an error where a licence is unknown or copyleft (GPL, AGPL). It tells what the packages
say of themselves, not what they bundle: see THIRD_PARTY.md. Needs the extra ``release``.
"""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, requires

from packaging.requirements import Requirement


def needed(package: str, extras: frozenset[str]) -> set[str]:
    """The names of a package and of all that it needs, as far as it is installed."""
    found: set[tuple[str, frozenset[str]]] = set()
    waiting = [(package, extras)]
    while waiting:
        name, own = waiting.pop()
        try:
            wanted = [Requirement(line) for line in requires(name) or ()]
        except PackageNotFoundError:
            continue  # of another system
        found.add((name, own))
        for one in wanted:
            environments = [{"extra": extra} for extra in own | {""}]
            if one.marker is None or any(map(one.marker.evaluate, environments)):
                next_one = (re.sub(r"[-_.]+", "-", one.name).lower(), frozenset(one.extras))
                if next_one not in found:
                    waiting.append(next_one)
    return {name for name, _ in found}


def main() -> int:
    packages = sorted(needed("sam2track", frozenset(sys.argv[1:])))
    words = ["--from=mixed", "--with-urls", "--format=markdown", "--packages", *packages]
    refused = ["--partial-match", "--fail-on=GPL;UNKNOWN"]
    return subprocess.run([sys.executable, "-m", "piplicenses", *words, *refused]).returncode


if __name__ == "__main__":
    sys.exit(main())
