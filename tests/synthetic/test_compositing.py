"""Compositing: exact placement, labels, limbs, reflections, motion blur."""

from __future__ import annotations

import numpy as np

from sam2track.synthetic.compositing import Layer, Limb, Reflection, motion_blur, sample
from sam2track.synthetic.motion import Motion, Waves
from sam2track.synthetic.shapes import noise_texture, premultiply

RNG = np.random.default_rng


def pixels(height: int) -> np.ndarray:
    """A camera whose world unit is ``height`` pixels, the origin in the screen's corner."""
    return np.array([[height, 0, -0.5], [0, height, -0.5], [0, 0, 1.0]])


def test_a_picture_at_its_own_scale_is_shown_as_it_is():
    picture = noise_texture(RNG(0), 40, 60)
    place = Motion(np.array([0.75, 0.5, 0, 0, 0, 0])).matrix(0)
    seen = sample(picture, pixels(40) @ place, (0, 0, 60, 40))
    assert np.abs(seen.astype(int) - picture).max() <= 1


def test_a_layer_paints_its_pixels_and_labels_them_alike():
    picture = premultiply(np.full((20, 20, 4), 255, np.uint8))
    layer = Layer(picture, Motion(np.array([0.5, 0.5, np.log(24 / 80), 0, 0, 0])), label=7)
    frame, labels = np.zeros((80, 80, 3), np.uint8), np.zeros((80, 80), np.uint8)
    layer.draw(frame, labels, pixels(80), 0.0)
    assert set(np.unique(labels)) == {0, 7}
    assert ((labels == 7) == (frame[..., 0] > 127)).all()
    rows, columns = np.nonzero(labels)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (30, 49, 30, 49)


def plain(height: int, width: int, value: int) -> np.ndarray:
    """An opaque picture of one grey, ready to be drawn."""
    return premultiply(
        np.dstack([np.full((height, width, 3), value, np.uint8), OPAQUE[:height, :width]])
    )


OPAQUE = np.full((20, 20, 1), 255, np.uint8)


def drawn(limb: Limb, t: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """A body of 20 pixels in the middle of a screen of 80, with a limb."""
    place = Motion(np.array([0.5, 0.5, np.log(24 / 80), 0, 0, 0]))
    frame, labels = np.zeros((80, 80, 3), np.uint8), np.zeros((80, 80), np.uint8)
    layer = Layer(plain(20, 20, 100), place, label=3, limbs=(limb,))
    layer.draw(frame, labels, pixels(80), t)
    return frame[..., 0], labels


def test_a_limb_hangs_from_its_hinge_and_is_part_of_the_object():
    grey, labels = drawn(Limb(plain(20, 20, 200), hinge=(0.0, 0.4), length=1.0))
    rows, columns = np.nonzero(labels)
    assert set(np.unique(labels)) == {0, 3}
    assert rows.min() == 30
    assert abs(rows.max() - (49 + 20)) <= 2
    assert abs(columns.min() - 30) <= 1
    assert (grey[55:65, 35:45] > 190).all()
    assert (grey[32:40, 35:45] < 110).all()


def test_a_limb_swings_over_time_and_carries_its_own_limbs():
    quarter = Waves(np.array([[np.pi / 2]]), np.array([[np.pi / 2]]), np.array([[0.0]]))
    hand = Limb(plain(20, 20, 250), hinge=(0.0, 0.4), length=0.5)
    limb = Limb(plain(20, 20, 200), (0.0, 0.0), 1.0, swing=quarter, limbs=(hand,))
    grey, labels = drawn(limb, t=0.0)
    assert np.nonzero(grey > 240)[0].mean() > 60  # below
    grey, labels = drawn(limb, t=1.0)
    rows, columns = np.nonzero(grey > 240)
    assert abs(rows.mean() - 39.5) < 2
    assert columns.mean() < 20  # to the left
    assert labels[grey > 190].all()


def test_a_limb_is_behind_or_before_the_body():
    for behind, value in ((True, 100), (False, 200)):
        grey, _ = drawn(Limb(plain(20, 20, 200), (0.0, 0.0), 1.0, behind=behind))
        assert abs(int(grey[45, 40]) - value) < 8


def reflecting(rotation: float) -> tuple[np.ndarray, np.ndarray]:
    """A grey disc that has turned by a right angle; what it mirrored on its left was white."""
    rows, columns = np.mgrid[:20, :20] - 9.5
    body = np.full((20, 20, 4), 100, np.uint8)
    body[..., 3] = 255 * (np.hypot(rows, columns) < 9)
    light = np.zeros((24, 24, 4), np.uint8)
    light[:, :12] = 255
    still = Waves(np.zeros((1, 2)), np.zeros((1, 2)), np.zeros((1, 2)))
    rate = np.array([0, 0, 0, np.pi / 2, 0, 0])
    motion = Motion(np.array([0.5, 0.5, np.log(24 / 80), 0, 0, 0]), rate)
    layer = Layer(premultiply(body), motion, label=1, reflection=Reflection(light, rotation, still))
    frame, labels = np.full((80, 80, 3), 30, np.uint8), np.zeros((80, 80), np.uint8)
    layer.draw(frame, labels, pixels(80), 1.0)
    return frame[..., 0], labels


def test_a_reflection_stays_in_place_while_the_object_turns():
    for rotation, lit in ((0.0, (40, 34)), (1.0, (34, 40))):
        grey, labels = reflecting(rotation)
        assert grey[lit] == 255
        assert grey[45, 45] == 100
        assert (grey[labels == 0] <= 100).mean() > 0.99  # it lies on the object alone
        assert (grey[:30] == 30).all()


def test_every_picture_of_a_layer_is_repainted():
    hand = Limb(plain(10, 10, 1), (0.0, 0.4), 0.5)
    layer = Layer(
        plain(10, 10, 2),
        Motion(np.zeros(6)),
        limbs=(Limb(plain(10, 10, 3), (0, 0), 1, limbs=(hand,)),),
    )
    painted = layer.repainted(lambda picture: picture + 10)
    limb = painted.limbs[0]
    seen = [part.picture[5, 5, 0] for part in (painted, limb, limb.limbs[0])]
    assert seen == [12, 13, 11]


def test_a_layer_off_the_screen_leaves_it_alone():
    picture = premultiply(np.full((20, 20, 4), 255, np.uint8))
    frame, labels = np.zeros((40, 40, 3), np.uint8), np.zeros((40, 40), np.uint8)
    Layer(picture, Motion(np.array([3.0, 0.5, 0, 0, 0, 0])), label=1).draw(
        frame, labels, pixels(40), 0.0
    )
    assert not frame.any()
    assert not labels.any()


def test_motion_blur_keeps_the_light_and_spreads_it():
    image = np.zeros((21, 41, 4), np.uint8)
    image[10, 10] = 248
    blurred = motion_blur(image, (16.0, 0.0), repeat=False)
    assert np.count_nonzero(blurred[10, :, 0]) == 8
    assert abs(int(blurred[..., 0].sum()) - 248) <= 8
