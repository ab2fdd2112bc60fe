"""Knows by an object's appearance when it is gone, and takes it back only when it is sure."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float

from ..types import Choice, MemoryFrame, Recall
from .archive import Archive
from .bank import BankMemory, around
from .candidate_selection import FrameCandidates
from .sorted_frames import SortedFrames


@dataclass(frozen=True, slots=True)
class Sight:
    """How an object was seen up to a frame."""

    score: float = 0.0  # usual effective score of its masks, 0..1; 0 = it was not seen yet
    distance: float = 0.0  # usual distance of its appearance from the trusted ones, 0..2
    lost: bool = False  # whether it counts as gone
    turns: int = 0  # frames in a row that say otherwise
    newest: tuple[int, ...] = ()  # the last frames that were not doubted, the newest first
    # A few of them on which it looked like itself, but which look different from each other, the
    # newest first
    trusted: tuple[int, ...] = ()
    count: int = 0  # of frames on which it looked like itself


@dataclass(kw_only=True, eq=False)
class RedetectMemory(BankMemory):
    """Compares the appearance of each mask with trusted ones. It is of this project.

    The appearance of a mask is the mean of the image's features in it; its distance is one minus
    the cosine of the most similar trusted appearance, which is of an anchor or of a trusted frame.

    - A mask is good if the object is present, and its effective score (presence times predicted
      IoU, as of SAM 3) is at least ``min_score`` times what is usual for the object.
    - It is near if its distance is at most ``near`` times the usual one, this limit itself lying
      between ``least`` and ``most``. Usual values are running means over frames
      that are not doubted.
    - A frame is doubted if the object is not present, if it is neither good nor near, or if the
      distance is above ``far``.

    After ``patience`` doubted frames in a row the object is lost. It is found again after as many
    that are good and near. While it is lost its mask is empty, so that the search window grows to
    the whole frame, and anchors and trusted frames alone are attended to. Otherwise anchors,
    ``apart`` trusted frames and the newest ones are. Doubted frames are not remembered. (A score
    alone is no reason to forget a frame: it falls while the object bends, and then memory is
    needed most.)

    Every ``stride``-th frame that is good and near becomes trusted. If there are more than
    ``trusted``, the one that is most similar to another is dropped: they show different views.

    Args:
        apart: how many of the frames attended to are trusted ones.
        trusted: how many trusted frames are kept, besides anchors.
        stride: how many good and near frames make one trusted.
        min_score: share of the usual effective score, 0..1.
        near: in usual distances.
        least, most: cosine distances between which the limit of ``near`` lies.
        far: cosine distance of something else, however good its mask is.
        patience: frames in a row before the object is lost, or found.
        pace: weight of a new frame in what is usual, 0..1.
        recent, pointers, span, slots, archive: see :class:`sam2track.memory.bank.BankMemory`;
            pointers are of the frames attended to.
    """

    apart: int = 2
    trusted: int = 4
    stride: int = 10
    min_score: float = 0.6
    near: float = 2.5
    least: float = 0.35
    most: float = 0.6
    far: float = 0.5
    patience: int = 2
    pace: float = 0.05

    def __post_init__(self, slots: int, archive: Archive | None) -> None:
        super().__post_init__(slots, archive)
        self.direction = 1  # of the last frame
        self.sights: dict[int, Sight] = {}  # after each frame
        self.order = SortedFrames()  # the keys of `sights`
        self.looks: dict[int, Float[np.ndarray, " C"]] = {}  # appearances of remembered frames
        self.look: Float[np.ndarray, " C"] | None = None  # of the mask chosen last

    def recall(self, index: int, direction: int) -> list[Recall]:
        sight = self.before(index, direction)
        newest = () if sight.lost else sight.newest
        first = newest[: max(self.recent - self.apart, 1)]
        kept = [*dict.fromkeys((*first, *sight.trusted, *newest))][: self.recent]
        kept = sorted(kept, key=lambda place: abs(index - place))
        return [self.recall_of(kept, index, direction)]

    def before(self, index: int, direction: int) -> Sight:
        """How the object was seen up to the frame before, without what lies behind it."""
        last = next(self.order.before(index, direction), None)
        if last is None:
            return Sight()
        sight = self.sights[last]
        newest, trusted = (
            tuple(place for place in places if (index - place) * direction > 0)
            for places in (sight.newest, sight.trusted)
        )
        trusted = tuple(place for place in trusted if place in self.looks)
        return replace(sight, newest=newest, trusted=trusted)

    def choose(self, candidates: FrameCandidates, index: int, direction: int) -> Choice:
        before, row = self.before(index, direction), candidates.on_host[0]
        self.direction = direction
        distances = np.zeros(len(row.scores), np.float32)
        looks = candidates.appearances
        known = self.known(before.trusted)
        if looks is not None and len(known):
            distances = 1 - (looks[0] @ known.T).max(1)
        # Something that looks otherwise often has the best score while the object is away.
        pick = int((row.scores * (1 - distances) if before.lost else row.scores).argmax())
        self.look = None if looks is None else looks[0][pick]
        sight = self.judge(before, row.effective_score(pick), float(distances[pick]), index)
        self.sights[index] = sight
        self.order.add(index)
        present = row.presence > 0 and not sight.lost
        return Choice(*(torch.tensor(part) for part in ([0], [pick], [present])))

    def judge(self, before: Sight, score: float, distance: float, index: int) -> Sight:
        """How the object is seen after a frame with this effective score and distance."""
        limit = min(max(self.near * before.distance, self.least), self.most)
        good = score > 0 and score >= self.min_score * before.score
        near = distance <= limit
        doubted = score == 0 or distance > self.far or not (good or near)
        sure = good and near
        turning = sure if before.lost else doubted
        turns = before.turns + 1 if turning else 0
        lost = before.lost != (turns == self.patience)
        turns = 0 if turns == self.patience else turns
        if lost or doubted:
            return replace(before, lost=lost, turns=turns)
        pace = self.pace if before.score else 1.0
        return Sight(
            before.score + pace * (score - before.score),
            before.distance + pace * (min(distance, limit) - before.distance),
            False,
            0,
            (index, *before.newest)[: self.recent],
            self.trust(index, before) if sure else before.trusted,
            before.count + sure,
        )

    def trust(self, index: int, before: Sight) -> tuple[int, ...]:
        """The trusted frames with this one, if it is its turn."""
        if (before.count + 1) % self.stride or self.look is None:
            return before.trusted
        places = (index, *before.trusted)
        if len(places) <= self.trusted:
            return places
        looks = np.concatenate((self.look[None], self.known(before.trusted)))
        alike = (looks @ looks.T - 2 * np.eye(len(looks)))[1 : len(places)].max(1)
        drop = 1 + int(alike.argmax())
        return places[:drop] + places[drop + 1 :]

    def known(self, trusted: tuple[int, ...]) -> Float[np.ndarray, "K C"]:
        """The appearances of trusted frames, then those of anchors."""
        places = (*trusted, *(place for place in self.bank.anchors if place not in trusted))
        looks = [self.looks[place] for place in places if place in self.looks]
        return np.stack(looks) if looks else np.zeros((0, 0), np.float32)

    def remember(self, memories: list[MemoryFrame], *, anchor: bool) -> None:
        index, look = memories[0].index, None if anchor else self.look
        self.bank.write(memories[0], anchor=anchor)
        if anchor:  # the user has found it
            self.sights[index] = replace(self.before(index, self.direction), lost=False, turns=0)
            self.order.add(index)
            appearance = memories[0].appearance
            look = None if appearance is None else appearance.float().cpu().numpy()
        if look is not None:
            self.looks[index] = look
        if not anchor and self.bank.archive is None:
            self.evict(index)

    def evict(self, index: int) -> None:
        """Keep what a recall on the next frame, in either direction, may need."""
        self.order.trim(index, 1)
        self.sights = {place: self.sights[place] for place in self.order.indices}
        kept = {*around(index, 1)}
        for sight in self.sights.values():
            kept.update(sight.newest, sight.trusted)
        self.bank.keep(kept, kept)
        kept.update(self.bank.anchors)
        self.looks = {place: look for place, look in self.looks.items() if place in kept}

    def forget(self, index: int) -> None:
        super().forget(index)
        self.looks.pop(index, None)
