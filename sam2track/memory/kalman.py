"""A Kalman filter with constant velocity that predicts the next position of a box.

The state is that of DeepSORT (1703.07402): centre, aspect, height, and the change of each per
frame. Noise is proportional to the box's height, so it does not depend on the unit of length.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

Box = Float[np.ndarray, "4"]  # (x0, y0, x1, y1), far edges exclusive

# Standard deviations that do not grow with the height.
ASPECT, ASPECT_RATE, ASPECT_MEASURED = 1e-2, 1e-5, 1e-1
TRANSITION = np.eye(8) + np.eye(8, k=4)  # to the next frame: every coordinate moves by its rate
MEASUREMENT = np.eye(4, 8)  # which part of the state is measured


class BoxFilter:
    """Tracks one box.

    Args:
        box: the first measurement.
        place_noise: standard deviation of centre and height, in heights of the box.
        rate_noise: of their velocities, in heights per frame.
    """

    def __init__(self, box: Box, *, place_noise: float, rate_noise: float) -> None:
        self.place_noise = place_noise
        self.rate_noise = rate_noise
        self.mean = np.concatenate((_measured(box), np.zeros(4)))
        self.covariance = self._noise(2 * place_noise, 10 * rate_noise)

    def _noise(self, place: float, rate: float) -> Float[np.ndarray, "8 8"]:
        place, rate = place * self.mean[3], rate * self.mean[3]
        return np.diag(np.square([place, place, ASPECT, place, rate, rate, ASPECT_RATE, rate]))

    def predict(self) -> None:
        """Move to the next frame."""
        noise = self._noise(self.place_noise, self.rate_noise)
        self.mean = TRANSITION @ self.mean
        self.covariance = TRANSITION @ self.covariance @ TRANSITION.T + noise

    def update(self, box: Box) -> None:
        """Correct the state by a measured box."""
        place = self.place_noise * self.mean[3]
        noise = np.diag(np.square([place, place, ASPECT_MEASURED, place]))
        spread = MEASUREMENT @ self.covariance @ MEASUREMENT.T + noise
        gain = np.linalg.solve(spread, MEASUREMENT @ self.covariance).T
        self.mean = self.mean + gain @ (_measured(box) - MEASUREMENT @ self.mean)
        self.covariance = self.covariance - gain @ spread @ gain.T

    @property
    def box(self) -> Box:
        """The estimated box; empty if a side is not positive."""
        x, y, aspect, height = self.mean[:4]
        half = max(aspect * height, 0) / 2, max(height, 0) / 2
        return np.array([x - half[0], y - half[1], x + half[0], y + half[1]])


def _measured(box: Box) -> Float[np.ndarray, "4"]:
    width, height = box[2] - box[0], box[3] - box[1]
    return np.array([box[0] + width / 2, box[1] + height / 2, width / height, height])
