"""``scripts/cut_footage.py`` on made footage: a disc that moves over a still, noisy picture."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from sam2track.data.readers.folder import folder
from sam2track.synthetic.films import Films

SCRIPTS = Path(__file__).parents[1] / "scripts"
FRAMES, HEIGHT, WIDTH = 40, 96, 160


@pytest.fixture
def cut(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import cut_footage

    yield cut_footage
    sys.modules.pop("cut_footage")


def footage() -> tuple[np.ndarray, np.ndarray]:
    """Frames, darker and lighter by turns, and where the disc is in each."""
    rng = np.random.default_rng(0)
    wall = cv2.resize(rng.uniform(60, 200, (6, 10, 3)), (WIDTH, HEIGHT))
    frames = np.empty((FRAMES, HEIGHT, WIDTH, 3), np.uint8)
    truth = np.zeros(frames.shape[:3], bool)
    for number in range(FRAMES):
        disc = np.zeros((HEIGHT, WIDTH), np.uint8)
        cv2.circle(disc, (22 + 3 * number, 40 + number // 2), 18, 1, -1)
        truth[number] = disc > 0
        picture = np.where(truth[number][..., None], (230, 30, 40), wall)
        picture = cv2.GaussianBlur(picture, (0, 0), 1.2)
        picture = picture * (1 + 0.08 * np.sin(number)) + rng.normal(0, 3, picture.shape)
        frames[number] = np.clip(picture, 0, 255)
    return frames, truth


def test_what_moves_is_cut_out_as_one_object(cut):
    frames, truth = footage()
    tracks = cut.objects(cut.mattes(frames, 100), 100)
    assert len(tracks) == 1
    assert sorted(tracks[0]) == list(range(FRAMES))
    found = np.stack([tracks[0][number] for number in range(FRAMES)])
    overlaps = (found & truth).sum((1, 2)) / (found | truth).sum((1, 2))
    assert overlaps.min() > 0.9
    sizes = found.sum((1, 2)) / truth.sum((1, 2))
    assert abs(sizes.mean() - 1) < 0.02  # blurred edges do not make it larger


def test_objects_that_touch_end_there_and_begin_again(cut):
    found = np.zeros((48, 40, 120), bool)
    for number in range(48):
        gap = abs(number - 23.5) < 4
        found[number, 10:30, 10:50] = True
        found[number, 10:30, 50 if gap else 60 : 100] = True
    frames = sorted((min(track), max(track)) for track in cut.objects(found, 100))
    assert frames == [(0, 19), (0, 19), (28, 47), (28, 47)]


def test_clips_and_films_are_read_by_the_training(cut, tmp_path):
    frames, truth = footage()
    cut.write(tmp_path, "wall-1", frames, dict(enumerate(truth)))
    (tmp_path / "rates.json").write_text('{"wall-1": 25.0}')
    cut.review(tmp_path)
    assert (tmp_path / "mattes.jpg").is_file()
    (sequence,) = folder(tmp_path)
    assert sequence.annotated == tuple(range(FRAMES))
    assert (sequence.masks(7)[1] == truth[7]).all()
    assets = tmp_path / "assets"
    assets.mkdir()
    added = cut.pack(tmp_path, assets, "walls", "CC0-1.0")
    films = Films(assets)
    assert added == len(films.whole) > 0
    steps = set(films.columns["step_ms"].tolist())
    assert steps == {40, 80}  # a film of longer steps would need more frames than there are
    views = films.film(0, np.random.default_rng(0), 64, np.arange(4.0)).views
    middle = views[:, views.shape[1] // 2, views.shape[2] // 2]
    assert (np.abs(middle[:, :3].astype(int) - (230, 30, 40)) < 30).all()
    assert (middle[:, 3] > 250).all()
    assert (views[:, 0, 0, 3] == 0).all()
    cut.pack(tmp_path, assets, "more", "CC0-1.0")
    assert Films(assets).kinds == ["walls", "more"]
    with pytest.raises(SystemExit, match="has films of more: give another --source"):
        cut.pack(tmp_path, assets, "more", "CC0-1.0")
