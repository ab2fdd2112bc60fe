"""What a format cannot hold, counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

# What annotations may have, and what is said of those that a format has no place for.
FEATURES = {
    "masks": "masks, of which only the boxes are written",
    "boxes": "boxes without a mask, left out",
    "empty": "marks that an object is not there, written as no annotation",
    "classes": "classes of tracks",
    "names": "names of tracks",
    "attributes": "attributes of tracks",
    "colours": "colours of classes",
    "scores": "scores of masks",
    "made": "notes of how a mask was made",
    "occluded": "marks of occlusion",
}
NO_MASK = "objects that have no mask"
NONE_CHOSEN = "objects that have no mask on the chosen frames"


@dataclass(frozen=True, slots=True)
class Loss:
    """One kind of thing that is not in the result.

    Attributes:
        what: plural, such as ``scores of masks``.
        count: how many.
        first: where the first one is.
    """

    what: str
    count: int
    first: str

    def __str__(self) -> str:
        noun, space, rest = self.what.partition(" ")
        if self.count == 1:  # the first word is a noun
            noun = {"boxes": "box", "classes": "class"}.get(noun, noun.removesuffix("s"))
        return f"{self.count} {noun}{space}{rest} (first: {self.first})"

    def told(self, name: str) -> str:
        """A sentence for a person; ``name`` is the format's."""
        if self.what not in (NO_MASK, NONE_CHOSEN):
            return f"{name} cannot hold {self}"
        rest = self.what.removeprefix("objects that have ")
        if self.count == 1:
            return f"{self.first} has {rest}"
        return f"{self.count} objects have {rest} (first: {self.first})"


class Losses:
    """Counts losses; iterating gives a :class:`Loss` for each kind."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, str]] = {}

    def add(self, what: str, where: str, count: int = 1) -> None:
        """Count some; ``where`` is kept if they are the first of their kind."""
        before, first = self._found.get(what, (0, where))
        self._found[what] = before + count, first

    def __iter__(self) -> Iterator[Loss]:
        return (Loss(what, *found) for what, found in self._found.items())

    def __len__(self) -> int:
        return len(self._found)
