"""BANK: where a box is going: a Kalman filter with constant velocity.

The state is that of SORT's descendants (DeepSORT, 1703.07402): centre, aspect, height, and the rate
of each a frame. Noise grows with the box's height, so that the unit of length does not matter.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

Box = Float[np.ndarray, "4"]  # (x0, y0, x1, y1), far edges exclusive

ASPECT, ASPECT_RATE, ASPECT_SEEN = 1e-2, 1e-5, 1e-1  # standard deviations that do not scale
STEP = np.eye(8) + np.eye(8, k=4)  # a frame later: every coordinate moves by its rate
SEEN = np.eye(4, 8)  # what a measurement shows of the state


class BoxFilter:
    """Follows one box.

    Args:
        box: where it is first seen.
        place_noise: standard deviation of place and height, in heights.
        rate_noise: of their rates, in heights a frame.
    """

    def __init__(self, box: Box, *, place_noise: float, rate_noise: float) -> None:
        self.place_noise = place_noise
        self.rate_noise = rate_noise
        seen = _measured(box)
        self.mean = np.concatenate((seen, np.zeros(4)))
        place, rate = 2 * place_noise * seen[3], 10 * rate_noise * seen[3]
        self.covariance = np.diag(
            np.square([place, place, ASPECT, place, rate, rate, ASPECT_RATE, rate])
        )

    def predict(self) -> None:
        """One frame on."""
        height = self.mean[3]
        place, rate = self.place_noise * height, self.rate_noise * height
        noise = np.square([place, place, ASPECT, place, rate, rate, ASPECT_RATE, rate])
        self.mean = STEP @ self.mean
        self.covariance = STEP @ self.covariance @ STEP.T + np.diag(noise)

    def update(self, box: Box) -> None:
        """The box was seen here."""
        place = self.place_noise * self.mean[3]
        noise = np.diag(np.square([place, place, ASPECT_SEEN, place]))
        spread = SEEN @ self.covariance @ SEEN.T + noise
        gain = np.linalg.solve(spread, SEEN @ self.covariance).T
        self.mean = self.mean + gain @ (_measured(box) - SEEN @ self.mean)
        self.covariance = self.covariance - gain @ spread @ gain.T

    @property
    def box(self) -> Box:
        """Where it is now; empty if its sides have shrunk to nothing."""
        x, y, aspect, height = self.mean[:4]
        half = max(aspect * height, 0) / 2, max(height, 0) / 2
        return np.array([x - half[0], y - half[1], x + half[0], y + half[1]])


def _measured(box: Box) -> Float[np.ndarray, "4"]:
    width, height = box[2] - box[0], box[3] - box[1]
    return np.array([box[0] + width / 2, box[1] + height / 2, width / height, height])


def box_iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, 0..1."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return float(shared / (areas - shared))
