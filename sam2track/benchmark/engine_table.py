"""The table of the data engine: objects in all phases go in, the columns of SAM 2's table come out.

SAM 2 (2408.00714), table 1 and the annotation time of appendix F.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

FIND, CLICK = 1.0, 1.5  # seconds to find an object on a frame, and to click
LOOK = 30 / 300  # seconds to look at a frame
SIZES = ("all", "small", "medium", "large")
VERDICTS = ("accepted", "returned", "rejected")
WORDS = {"image": "image only", "mask": "mask propagation", "full": "full propagation"}
CAPTION = "a user who clicks as the truth says, in the time model of SAM 2"


def summarise_engine(objects: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The figures of each phase over all objects.

    Args:
        objects: of each object its phases, as :func:`.data_engine.records_of` gives them.

    ``clicks``: a frame that is clicked; ``edited``: percent of the frames; ``seconds``: a frame;
    ``image``, ``truth``: percent of the masks whose IoU with that of the phase ``image``, or with
    the true one, is above 0.75, by size (no entry where there are none of a size); ``accepted``,
    ``returned``, ``rejected``: percent of the objects; ``J&F``; ``rounds``: J&F by round.
    """
    return {phase: _phase([own[phase] for own in objects], phase) for phase in WORDS}


def _phase(rows: Sequence[Mapping[str, Any]], phase: str) -> dict[str, Any]:
    def total(key: str) -> int:
        return sum(row[key] for row in rows)

    clicks, edited, frames = total("clicks"), total("edited"), total("frames")
    looked = sum(row["passes"] * row["frames"] for row in rows)
    found: dict[str, Any] = {
        "clicks": clicks / max(edited, 1),
        "edited": 100 * edited / frames,
        "seconds": (LOOK * looked + FIND * edited + CLICK * clicks) / frames,
    }
    for reference in ("truth",) if phase == "image" else ("image", "truth"):
        found[reference] = {}
        for size in SIZES:
            agreeing, masks = (sum(row[reference][size][k] for row in rows) for k in (0, 1))
            if masks:
                found[reference][size] = 100 * agreeing / masks
    for verdict in VERDICTS:
        found[verdict] = 100 * sum(row["verdict"] == verdict for row in rows) / len(rows)
    found["J&F"] = sum(row["J&F"] for row in rows) / len(rows)
    found["rounds"] = {}
    for way in rows[0]["rounds"]:
        columns = zip(*(row["rounds"][way] for row in rows), strict=True)
        found["rounds"][way] = [sum(column) / len(column) for column in columns]
    return found


def engine_rows(engine: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    """The columns of each phase, as text, by the phase's name; the first row has the titles."""
    titles = ["clicks", "edited %", "s/frame"]
    titles += [f"{reference}: {size}" for reference in ("image", "truth") for size in SIZES]
    rows = [("phase", [*titles, *(f"{verdict} %" for verdict in VERDICTS), "J&F"])]
    for phase, found in engine.items():
        values = [f"{found['clicks']:.2f}", f"{found['edited']:.1f}", f"{found['seconds']:.2f}"]
        for reference in ("image", "truth"):
            known = found.get(reference, {})
            values += [f"{known[size]:.1f}" if size in known else "-" for size in SIZES]
        values += [f"{found[key]:.1f}" for key in (*VERDICTS, "J&F")]
        rows.append((WORDS[phase], values))
    return rows


def engine_rounds(engine: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, list[float]]]:
    """J&F by round, by a name for the phase and the way of clicking."""
    words = {"clicks": "clicks on every frame"}
    return [
        (f"{WORDS[phase]}, {words.get(way, way)}", curve)
        for phase, found in engine.items()
        for way, curve in found["rounds"].items()
    ]


def engine_table(engine: Mapping[str, Mapping[str, Any]]) -> str:
    """The table for the terminal: a line for each column, as there are many."""
    head, *rows = engine_rows(engine)
    lines = [
        f"\ndata engine, simulated: {CAPTION}",
        f"{'':<20}" + "".join(f"{name:>18}" for name, _ in rows),
    ]
    for place, title in enumerate(head[1]):
        lines.append(f"{title:<20}" + "".join(f"{values[place]:>18}" for _, values in rows))
    lines.append("\nJ&F after each round (offline, online: three clicks on a frame of each object)")
    for name, curve in engine_rounds(engine):
        lines.append(f"{name:<36}" + "".join(f"{value:>6.1f}" for value in curve))
    return "\n".join(lines)
