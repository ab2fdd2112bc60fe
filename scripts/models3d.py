"""Surfaces for the renderer, and a reader of three-dimensional models without bones.

Takes ``.sh3f`` libraries of the Debian package ``sweethome3d-furniture`` (zip files of OBJ models).
Gives surfaces.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import trimesh


@dataclass(frozen=True, eq=False)
class Surface:
    """One part of a model at one time, ready to draw.

    Attributes:
        positions, normals: ``(V, 3)``; y points up.
        uv: texture coordinates ``(V, 2)``.
        faces: ``(F, 3)``.
        texture: RGBA, its first row at v = 0.
        material: "opaque", "cutout" (alpha cuts holes) or "team" (alpha shows the team's colour).
        rider: whether it is a rider, or belongs to one.
    """

    positions: np.ndarray
    normals: np.ndarray
    uv: np.ndarray
    faces: np.ndarray
    texture: np.ndarray
    material: str = "opaque"
    rider: bool = False


def unpacked(library: Path, folder: Path) -> list[Path]:
    """Unpack a library; its models, sorted by name."""
    with zipfile.ZipFile(library) as archive:
        archive.extractall(folder)
    return sorted(folder.rglob("*.obj"))


def still_model(path: Path, *, most: int = 60_000) -> list[Surface]:
    """The surfaces of an OBJ model; empty if it has no or too many triangles (over ``most``)."""
    scene = trimesh.load(path, force="scene", process=False)
    parts = [g for g in scene.geometry.values() if isinstance(g, trimesh.Trimesh) and len(g.faces)]
    if not 0 < sum(len(g.faces) for g in parts) <= most:
        return []
    return [_surface(part) for part in parts]


def _surface(part: trimesh.Trimesh) -> Surface:
    positions = np.asarray(part.vertices, np.float32)
    uv = getattr(part.visual, "uv", None)
    material = getattr(part.visual, "material", None)
    image = getattr(material, "image", None)
    if image is None or uv is None or len(uv) != len(positions):
        colour = np.asarray(getattr(material, "diffuse", (160, 160, 160, 255)), np.uint8)[:3]
        texture = np.full((4, 4, 4), 255, np.uint8)
        texture[..., :3] = colour
        uv = np.zeros((len(positions), 2), np.float32)
    else:
        image = image.convert("RGBA")
        image.thumbnail((512, 512))
        texture = np.ascontiguousarray(np.asarray(image)[::-1])
    return Surface(
        positions,
        np.asarray(part.vertex_normals, np.float32),
        np.asarray(uv, np.float32),
        np.asarray(part.faces, np.int32),
        texture,
        "cutout" if (texture[..., 3] < 100).mean() > 0.02 else "opaque",
    )
