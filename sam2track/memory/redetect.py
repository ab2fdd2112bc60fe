"""Knows by the object's looks when it is gone, and takes it back only when it is sure."""

from __future__ import annotations

import math
from dataclasses import InitVar, dataclass, replace

import numpy as np
import torch
from jaxtyping import Float

from ..types import Choice, MemoryFrame, Recall
from .archive import Archive
from .bank import Bank, around
from .candidate_selection import FrameCandidates, HostCandidates
from .selected_frames import recall_selected


@dataclass(frozen=True, slots=True)
class Sight:
    """How an object was seen up to a frame.

    Attributes:
        score: usual score of its masks, see :func:`effective`, 0..1; 0 = none was seen yet.
        distance: usual distance of its looks from the trusted ones, 0..2.
        lost: whether it counts as gone.
        sure: the last frames on which it was seen for sure, the newest first.
        trusted: a few frames whose looks differ, on which it was seen for sure, the newest first.
        count: of frames on which it was seen for sure.
    """

    score: float = 0.0
    distance: float = 0.0
    lost: bool = False
    sure: tuple[int, ...] = ()
    trusted: tuple[int, ...] = ()
    count: int = 0


@dataclass(kw_only=True, eq=False)
class RedetectMemory:
    """Compares what it follows with the looks of the object."""

    lag = 0
    recent: int = 6
    trusted: int = 4
    stride: int = 10
    pace: float = 0.05
    least_score: float = 0.6
    near: float = 2.5
    far: float = 5.0
    least_usual: float = 0.04
    most_usual: float = 0.1
    nt: int = 1
    span: int = 16
    slots: InitVar[int] = 7
    archive: InitVar[Archive | None] = None

    def __post_init__(self, slots: int, archive: Archive | None) -> None:
        self.recent = min(self.recent, slots - 1)
        self.bank = Bank(archive)
        self.sights: dict[int, Sight] = {}
        self.looks: dict[int, Float[np.ndarray, " C"]] = {}
        self.look: Float[np.ndarray, " C"] | None = None
        self.debug = ''

    def recall(self, index: int, direction: int) -> list[Recall]:
        places = self.attended(index, direction)
        return [
            recall_selected(
                index,
                direction,
                anchors=self.bank.anchors,
                kept=places,
                memory=self.bank.memory,
                pointer=self.bank.pointer,
                recent=self.recent,
                span=self.recent + 1 if False else self.span,
            )
        ]

    def attended(self, index: int, direction: int) -> list[int]:
        sight = self.sights.get(index - direction, Sight())
        newest = sight.sure[: self.recent - self.nt]
        if sight.lost:
            newest = ()
        wanted = [*newest, *sight.trusted, *(() if sight.lost else sight.sure)]
        places = list(dict.fromkeys(wanted))[: self.recent]
        return sorted(places, key=lambda place: abs(index - place))

    def choose(self, candidates: FrameCandidates, index: int, direction: int) -> Choice:
        before = self.sights.get(index - direction, Sight())
        row, looks = candidates.on_host[0], candidates.appearances
        places = [k for k in (*self.bank.anchors, *before.trusted) if k in self.looks]
        distances = np.zeros(len(row.scores))
        if looks is not None and places:
            known = np.stack([self.looks[k] for k in places])
            distances = 1 - (looks[0] @ known.T).max(1)
        pick = int((row.scores * (1 - distances) if before.lost else row.scores).argmax())
        distance, score = float(distances[pick]), effective(row, pick)
        usual = min(max(before.distance, self.least_usual), self.most_usual)
        here = row.presence > 0
        good = here and score >= self.least_score * before.score
        near = distance <= self.near * usual
        lost = not (good and near) if before.lost else not here or not (good or near) or distance > self.far * usual
        self.debug = f'sc {score:.2f}/{before.score:.2f} d {distance:.2f}/{before.distance:.2f} good {good} near {near} lost {lost} tr {before.trusted}'
        self.look = None if looks is None else looks[0][pick]
        if lost or not good:
            sight = replace(before, lost=lost)
        else:
            pace = self.pace if before.score else 1.0
            sight = Sight(
                before.score + pace * (score - before.score),
                before.distance + pace * (distance - before.distance),
                False,
                (index, *before.sure)[: self.recent],
                self.trust(index, before) if near else before.trusted,
                before.count + near,
            )
        self.sights[index] = sight
        return Choice(*(torch.tensor(part) for part in ([0], [pick], [here and not lost])))

    def trust(self, index: int, before: Sight) -> tuple[int, ...]:
        if (before.count + 1) % self.stride or self.look is None:
            return before.trusted
        trusted = (index, *before.trusted)
        if len(trusted) <= self.trusted:
            return trusted
        looks = np.stack([self.look, *(self.looks[k] for k in before.trusted), *(self.looks[k] for k in self.bank.anchors if k in self.looks)])
        alike = looks @ looks.T - 2 * np.eye(len(looks))
        worst = alike[: len(trusted)].max(1)
        drop = 1 + int(worst[1:].argmax())
        return trusted[:drop] + trusted[drop + 1 :]

    def remember(self, memories: list[MemoryFrame], *, anchor: bool) -> None:
        index = memories[0].index
        self.bank.write(memories[0], anchor=anchor)
        if anchor:
            self.sights.pop(index, None)
            look = memories[0].appearance
            if look is not None:
                self.looks[index] = look.float().cpu().numpy()
            return
        if self.look is not None:
            self.looks[index] = self.look
        if self.bank.archive is None:
            self.sights = {k: own for k, own in self.sights.items() if k in around(index, 1)}
            kept = {*around(index, 1)}.union(*((*own.sure, *own.trusted) for own in self.sights.values()))
            self.bank.keep(kept, kept)
            self.looks = {k: look for k, look in self.looks.items() if k in kept or k in self.bank.anchors}

    def forget(self, index: int) -> None:
        self.bank.anchors.pop(index, None)
        self.looks.pop(index, None)


def effective(row: HostCandidates, pick: int) -> float:
    """Presence times quality, as of SAM 3, 0..1."""
    return math.tanh(max(row.presence, 0.0) / 2) * float(row.scores[pick])
