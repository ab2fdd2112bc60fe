"""Read the three-dimensional models of the game 0 A.D. (Debian package ``0ad-data``).

Takes ``public.zip`` of the package. Gives actors (a mesh with its texture, its animations, and the
parts that are attached to it, such as a rider), and their surfaces at any time of an animation.

The formats are those that the game caches: PMD meshes, PSA animations, DDS textures, and actors in
XML that name them. Coordinates: y points up; matrices are 4 x 4 and act on column vectors.
"""

from __future__ import annotations

import io
import struct
import xml.etree.ElementTree as ElementTree
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from models3d import Surface
from PIL import Image

NO_BONE = 255


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles, and the bones that move them.

    Attributes:
        positions, normals: ``(V, 3)``.
        uv: texture coordinates ``(V, 2)``.
        bones, weights: of each vertex, ``(V, 4)``.
        faces: ``(F, 3)``.
        rest: the pose in which the mesh was modelled, ``(B, 4, 4)``.
        points: where parts can be attached: by name a matrix and the number of a bone, 255 = none.
    """

    positions: np.ndarray
    normals: np.ndarray
    uv: np.ndarray
    bones: np.ndarray
    weights: np.ndarray
    faces: np.ndarray
    rest: np.ndarray
    points: dict[str, tuple[np.ndarray, int]]


@dataclass(frozen=True, eq=False)
class Animation:
    """Poses ``(frames, B, 4, 4)`` and the seconds between two of them."""

    poses: np.ndarray
    step: float


@dataclass(eq=False)
class Part:
    """A mesh, how it looks and moves, and what is attached to it.

    Attributes:
        mesh: its triangles.
        texture: RGBA.
        material: "opaque", "cutout" (alpha cuts holes) or "team" (alpha shows the team's colour).
        animations: files by the name of the animation, such as "walk".
        attached: the name of the point and the part.
        rider: whether it rides on the part that it is attached to.
    """

    mesh: Mesh
    texture: np.ndarray
    material: str
    animations: dict[str, list[str]]
    attached: list[tuple[str, Part]] = field(default_factory=list)
    rider: bool = False


class Archive:
    """Meshes, animations, textures and actors by their names."""

    def __init__(self, path: Path) -> None:
        self.zip = zipfile.ZipFile(path)
        self.names = set(self.zip.namelist())
        self._cache: dict[str, object] = {}

    def actors(self, folder: str) -> list[str]:
        """Names of all actors below ``art/actors/<folder>/``, sorted."""
        start = f"art/actors/{folder}/"
        return sorted(
            n[len("art/actors/") :] for n in self.names if n.startswith(start) and n[-4:] == ".xml"
        )

    def mesh(self, name: str) -> Mesh | None:
        """A mesh by its name in an actor; None if there is none."""
        return self._cached(f"art/meshes/{name}.cached.pmd", read_mesh)

    def animation(self, name: str) -> Animation | None:
        """An animation by its name in an actor."""
        return self._cached(f"art/animation/{name}.cached.psa", read_animation)

    def texture(self, name: str) -> np.ndarray | None:
        """A texture by its name in an actor, RGBA, at most 512 pixels wide."""
        for end in (".cached.dds", ".dds", ""):
            path = f"art/textures/skins/{name}{end}"
            if path in self.names:
                return self._cached(path, read_texture)
        return None

    def xml(self, name: str) -> ElementTree.Element | None:
        """The XML of a file below ``art/``."""
        return self._cached(f"art/{name}", ElementTree.fromstring)

    def _cached(self, path: str, read):
        if path not in self._cache:
            self._cache[path] = read(self.zip.read(path)) if path in self.names else None
        return self._cache[path]


# ---------------------------------------------------------------- files


def read_mesh(data: bytes) -> Mesh:
    """A PMD file, version 3 or 4 (the older has one set of texture coordinates)."""
    magic, version, _, count = struct.unpack_from("<4sIII", data)
    if magic != b"PSMD" or version not in (3, 4):
        raise ValueError(f"not a PMD mesh of version 3 or 4: {magic!r} {version}")
    at, sets = 16, 1
    if version == 4:
        (sets,), at = struct.unpack_from("<I", data, at), 20
    fields = [("p", "<f4", 3), ("n", "<f4", 3), ("uv", "<f4", (sets, 2))]
    vertex = np.dtype([*fields, ("b", "u1", 4), ("w", "<f4", 4)])
    vertices = np.frombuffer(data, vertex, count, at)
    at += count * vertex.itemsize
    (count,) = struct.unpack_from("<I", data, at)
    faces = np.frombuffer(data, "<u2", 3 * count, at + 4).reshape(-1, 3)
    at += 4 + 6 * count
    (count,) = struct.unpack_from("<I", data, at)
    rest = np.frombuffer(data, "<f4", 7 * count, at + 4).reshape(-1, 7)
    at += 4 + 28 * count
    (count,) = struct.unpack_from("<I", data, at)
    at, points = at + 4, {}
    for _ in range(count):
        (length,) = struct.unpack_from("<I", data, at)
        name = data[at + 4 : at + 4 + length].decode("latin-1")
        pose = np.frombuffer(data, "<f4", 7, at + 4 + length)
        points[name] = (matrices(pose[None])[0], data[at + 32 + length])
        at += 33 + length
    return Mesh(
        vertices["p"], vertices["n"], vertices["uv"][:, 0], vertices["b"], vertices["w"],
        faces, matrices(rest), points,
    )  # fmt: skip


def read_animation(data: bytes) -> Animation:
    """A PSA file."""
    (length,) = struct.unpack_from("<I", data, 12)
    at = 16 + length
    step, bones, frames = struct.unpack_from("<fII", data, at)
    poses = np.frombuffer(data, "<f4", frames * bones * 7, at + 12).reshape(-1, 7)
    return Animation(matrices(poses).reshape(frames, bones, 4, 4), step / 1000)


def read_texture(data: bytes) -> np.ndarray:
    """A DDS file as RGBA."""
    image = Image.open(io.BytesIO(data)).convert("RGBA")
    image.thumbnail((512, 512))
    return np.ascontiguousarray(np.asarray(image)[::-1])  # stored upside down


def matrices(poses: np.ndarray) -> np.ndarray:
    """Translations and quaternions x y z w, ``(N, 7)``, as matrices ``(N, 4, 4)``."""
    x, y, z, w = (poses[:, k] for k in range(3, 7))
    out = np.zeros((len(poses), 4, 4), np.float32)
    out[:, 0, 0], out[:, 1, 1] = 1 - 2 * (y * y + z * z), 1 - 2 * (x * x + z * z)
    out[:, 2, 2] = 1 - 2 * (x * x + y * y)
    out[:, 0, 1], out[:, 1, 0] = 2 * (x * y - z * w), 2 * (x * y + z * w)
    out[:, 0, 2], out[:, 2, 0] = 2 * (x * z + y * w), 2 * (x * z - y * w)
    out[:, 1, 2], out[:, 2, 1] = 2 * (y * z - x * w), 2 * (y * z + x * w)
    out[:, :3, 3], out[:, 3, 3] = poses[:, :3], 1
    return out


# ---------------------------------------------------------------- actors


def part(archive: Archive, name: str, rng: np.random.Generator, depth: int = 0) -> Part | None:
    """An actor with one variant of each group, drawn by frequency; None if its mesh is missing."""
    root = archive.xml(f"actors/{name}")
    if root is None or depth > 4:
        return None
    chosen, others = [], []
    for group in root.findall("group"):
        variants = [_included(archive, variant) for variant in group.findall("variant")]
        if variants:
            weights = np.array([max(0.0, float(v[0].get("frequency", 0))) for v in variants])
            weights = weights if weights.any() else np.eye(len(variants))[0]
            pick = int(rng.choice(len(variants), p=weights / weights.sum()))
            chosen.append(variants[pick])
            others += [v for number, v in enumerate(variants) if number != pick]
    mesh_name = texture_name = None
    props: dict[str, str] = {}
    for elements in chosen:
        for element in reversed(elements):  # the file first, then what the actor changes of it
            mesh_name = (element.findtext("mesh") or mesh_name or "").strip()
            for texture in element.findall("textures/texture"):
                if texture.get("name") == "baseTex":
                    texture_name = texture.get("file")
            for prop in element.findall("props/prop"):
                props[prop.get("attachpoint", "")] = prop.get("actor", "")
    mesh = archive.mesh(mesh_name) if mesh_name else None
    texture = archive.texture(texture_name) if texture_name else None
    if mesh is None or texture is None:
        return None
    made = Part(mesh, texture, _material(root), _animations(chosen, others))
    for point, actor in sorted(props.items()):
        child = part(archive, actor, rng, depth + 1) if actor else None
        if child is not None and (point in mesh.points or point == "root"):
            child.rider = point.startswith(("rider", "driver", "crew"))
            made.attached.append((point, child))
    return made


def _included(archive: Archive, variant) -> list:
    """A variant and the variants that it includes by file, the actor's own first."""
    found, name = [variant], variant.get("file")
    while name and len(found) < 5:
        other = archive.xml(f"variants/{name}")
        if other is None:
            break
        found.append(other)
        name = other.get("file")
    return found


def _animations(chosen: list[list], others: list[list]) -> dict[str, list[str]]:
    """Files by lower-case name; those of variants that were not chosen only under new names."""
    found: dict[str, list[str]] = {}
    for elements in [*chosen, *others]:
        these: dict[str, list[str]] = {}
        for element in elements:
            for animation in element.findall("animations/animation"):
                if animation.get("file"):
                    these.setdefault(animation.get("name", "").lower(), []).append(
                        animation.get("file")
                    )
        for key, files in these.items():
            found.setdefault(key, files)
    return found


def _material(root) -> str:
    name = (root.findtext("material") or "default.xml").strip()
    if name.startswith(("player_trans", "objectcolor", "playercolor")):
        return "team"
    return "cutout" if name.startswith(("basic_trans", "alphatest", "trans")) else "opaque"


# ---------------------------------------------------------------- motion


def fitting_animations(archive: Archive, root: Part) -> dict[str, list[Animation]]:
    """The animations of a part that fit its mesh, by name."""
    found = {}
    for name, files in root.animations.items():
        fitting = [archive.animation(file) for file in files]
        fitting = [a for a in fitting if a is not None and a.poses.shape[1] == len(root.mesh.rest)]
        if fitting:
            found[name] = fitting
    return found


def surfaces(
    archive: Archive, root: Part, name: str, seconds: float, *, pick: int = 0
) -> list[Surface]:
    """A part and all that is attached to it, ``seconds`` after an animation's beginning.

    Args:
        archive: where animations are read.
        root: what is drawn.
        name: of the animation; a part that has none of this name plays another of its own.
        seconds: the animation repeats.
        pick: which, of several of this name.
    """
    found: list[Surface] = []
    _collect(archive, root, (name, seconds, pick), np.eye(4, dtype=np.float32), root.rider, found)
    return found


def _collect(archive: Archive, one: Part, when, place: np.ndarray, rider: bool, found) -> None:
    name, seconds, pick = when
    mesh, known = one.mesh, fitting_animations(archive, one)
    pose = mesh.rest
    if known:
        these = known.get(name) or known.get("idle") or next(iter(known.values()))
        animation = these[pick % len(these)]
        pose = animation.poses[int(seconds / max(animation.step, 1e-3)) % len(animation.poses)]
    positions, normals = mesh.positions, mesh.normals
    if len(mesh.rest):
        moved = pose @ np.linalg.inv(mesh.rest)  # (B, 4, 4)
        used = np.where(mesh.bones == NO_BONE, 0, mesh.bones)
        used = np.minimum(used, len(moved) - 1)
        blend = (moved[used] * (mesh.weights * (mesh.bones != NO_BONE))[..., None, None]).sum(1)
        positions = np.einsum("vij,vj->vi", blend[:, :3, :3], positions) + blend[:, :3, 3]
        normals = np.einsum("vij,vj->vi", blend[:, :3, :3], normals)
    found.append(
        Surface(
            positions @ place[:3, :3].T + place[:3, 3],
            normals @ place[:3, :3].T,
            mesh.uv,
            mesh.faces,
            one.texture,
            one.material,
            rider,
        )
    )
    for point, child in one.attached:
        local, bone = mesh.points.get(point, (np.eye(4, dtype=np.float32), NO_BONE))
        if bone != NO_BONE and bone < len(pose):
            local = pose[bone] @ local
        _collect(archive, child, when, place @ local, rider or child.rider, found)
