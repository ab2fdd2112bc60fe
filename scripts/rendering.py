"""Draw surfaces with OpenGL, headless (EGL; Mesa's software renderer will do).

Takes triangles with textures, a camera and a light. Gives RGBA pictures, and which pixels are the
rider's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import moderngl
import numpy as np
from models3d import Surface

VERTEX = """
#version 330
uniform mat4 camera;
in vec3 position; in vec3 normal; in vec2 uv;
out vec3 n; out vec2 st;
void main() { gl_Position = camera * vec4(position, 1.0); n = normal; st = uv; }
"""
FRAGMENT = """
#version 330
uniform sampler2D skin; uniform vec3 light; uniform vec3 team; uniform vec3 eye;
uniform float ambient; uniform float gloss; uniform int material; uniform float part;
in vec3 n; in vec2 st;
layout(location = 0) out vec4 colour; layout(location = 1) out vec4 owner;
void main() {
    vec4 t = texture(skin, st);
    if (material == 1 && t.a < 0.4) discard;
    vec3 base = material == 2 ? mix(t.rgb * team, t.rgb, t.a) : t.rgb;
    vec3 m = normalize(n);
    if (dot(m, eye) < 0.0 && !gl_FrontFacing) m = -m;
    float lit = ambient * (0.75 + 0.25 * m.y) + (1.0 - ambient) * max(dot(m, light), 0.0) * 1.4;
    float shine = gloss * pow(max(dot(m, normalize(light + eye)), 0.0), 24.0);
    colour = vec4(base * lit + shine, 1.0);
    owner = vec4(part, 0.0, 0.0, 1.0);
}
"""
MATERIALS = {"opaque": 0, "cutout": 1, "team": 2}


@dataclass(frozen=True)
class Look:
    """Light and colours that stay the same through a sequence.

    Attributes:
        light: direction towards the light, a unit vector.
        team: colour in which clothes show, 0..1.
        ambient: share of the light that comes from all around.
        gloss: strength of highlights.
    """

    light: tuple[float, float, float]
    team: tuple[float, float, float]
    ambient: float
    gloss: float


class Renderer:
    """Draws at twice the size of the picture, and averages.

    Args:
        side: of the square picture, pixels.
    """

    def __init__(self, side: int) -> None:
        self.side = side
        self.context = moderngl.create_context(standalone=True, backend="egl")
        self.program = self.context.program(VERTEX, FRAGMENT)
        size = (2 * side, 2 * side)
        self.colour = self.context.texture(size, 4)
        self.owner = self.context.texture(size, 4)
        depth = self.context.depth_renderbuffer(size)
        self.buffer = self.context.framebuffer([self.colour, self.owner], depth)
        self._skins: dict[int, tuple[np.ndarray, moderngl.Texture]] = {}

    def draw(
        self, surfaces: Sequence[Surface], camera: np.ndarray, eye: np.ndarray, look: Look
    ) -> tuple[np.ndarray, np.ndarray]:
        """RGBA ``(side, side, 4)`` with colours multiplied by alpha, and the rider's share of each
        pixel ``(side, side)``, uint8.

        ``camera`` maps the world to clip space; ``eye`` is the direction towards the camera.
        """
        self.buffer.use()
        self.buffer.clear(0.0, 0.0, 0.0, 0.0)
        self.context.enable(moderngl.DEPTH_TEST)
        self._set(camera=camera.T.astype("f4").tobytes(), eye=tuple(eye), light=look.light)
        self._set(team=look.team, ambient=look.ambient, gloss=look.gloss)
        for surface in surfaces:
            self._skin(surface.texture).use()
            self._set(material=MATERIALS[surface.material], part=float(surface.rider))
            vertices = np.hstack([surface.positions, surface.normals, surface.uv]).astype("f4")
            points = self.context.buffer(vertices.tobytes())
            faces = self.context.buffer(surface.faces.astype("i4").tobytes())
            layout = [(points, "3f 3f 2f", "position", "normal", "uv")]
            array = self.context.vertex_array(self.program, layout, faces)
            array.render()
            for made in (array, points, faces):
                made.release()
        return self._read(0), self._read(1)[..., 0]

    def forget(self) -> None:
        """Free the textures."""
        for _, skin in self._skins.values():
            skin.release()
        self._skins.clear()

    def _set(self, **values) -> None:
        for name, value in values.items():
            uniform = self.program[name]
            if isinstance(value, bytes):
                uniform.write(value)
            else:
                uniform.value = value

    def _skin(self, image: np.ndarray) -> moderngl.Texture:
        if id(image) not in self._skins:
            skin = self.context.texture(
                image.shape[1::-1], 4, np.ascontiguousarray(image).tobytes()
            )
            skin.build_mipmaps()
            skin.filter = (moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR)
            self._skins[id(image)] = (image, skin)
        return self._skins[id(image)][1]

    def _read(self, number: int) -> np.ndarray:
        data = self.buffer.read(components=4, attachment=number)
        image = np.frombuffer(data, np.uint8).reshape(2 * self.side, 2 * self.side, 4)[::-1]
        return cv2.resize(image, (self.side, self.side), interpolation=cv2.INTER_AREA)


def straightened(image: np.ndarray) -> np.ndarray:
    """RGBA with straight alpha from RGBA whose colours are multiplied by alpha."""
    alpha = image[..., 3:].astype(np.float32)
    rgb = image[..., :3] * (255 / np.maximum(alpha, 1))
    return np.dstack([np.minimum(rgb, 255).round().astype(np.uint8), image[..., 3]])


def camera(
    target: np.ndarray, *, azimuth: float, elevation: float, distance: float, reach: float
) -> tuple[np.ndarray, np.ndarray]:
    """World to clip space, and the direction towards the camera.

    Args:
        target: what is in the middle of the picture.
        azimuth, elevation: radians, where the camera stands as seen from there.
        distance: how far away.
        reach: half of what is seen at the target, across and down.
    """
    cos = np.cos(elevation)
    eye = np.array([cos * np.sin(azimuth), np.sin(elevation), cos * np.cos(azimuth)])
    right = np.cross([0.0, 1.0, 0.0], eye)
    right /= np.linalg.norm(right)
    view = np.eye(4)
    view[:3, :3] = np.stack([right, np.cross(eye, right), eye])
    view[:3, 3] = -view[:3, :3] @ (target + eye * distance)
    near, far, focus = (
        max(distance - 3 * reach, 0.05 * reach),
        distance + 3 * reach,
        distance / reach,
    )
    lens = np.zeros((4, 4))
    lens[0, 0] = lens[1, 1] = focus
    lens[2, 2], lens[2, 3] = (far + near) / (near - far), 2 * far * near / (near - far)
    lens[3, 2] = -1
    return lens @ view, eye


def framed(lens: np.ndarray, points: np.ndarray, *, margin: float = 0.96) -> np.ndarray:
    """The camera, moved and zoomed so that all points ``(N, 3)`` just fit into the picture."""
    clip = points @ lens[:, :3].T + lens[:, 3]
    seen = clip[:, :2] / clip[:, 3:]
    low, high = seen.min(0), seen.max(0)
    scale = 2 * margin / max((high - low).max(), 1e-6)
    shift = np.diag([scale, scale, 1.0, 1.0])
    shift[:2, 3] = -scale * (low + high) / 2
    return shift @ lens
