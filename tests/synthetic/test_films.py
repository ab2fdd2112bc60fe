"""Films of three-dimensional models in training clips, from a small pack made here."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from asset_packs import HEIGHT, WIDTH, write_films, write_pictures

from sam2track.synthetic import scene_plan
from sam2track.synthetic.assets import Assets
from sam2track.synthetic.compositing import Layer
from sam2track.synthetic.films import Film, Films
from sam2track.synthetic.motion import Motion


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("assets")
    write_pictures(made)
    write_films(made)
    return made


@pytest.fixture(scope="module")
def films(folder: Path) -> Films:
    return Films(folder)


def test_missing_films_say_what_to_run(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="render_assets"):
        Films(tmp_path)


def test_films_of_riders_alone_are_not_drawn_and_another_film_of_a_model_is_found(films: Films):
    rng = np.random.default_rng(0)
    assert {films.draw(rng) for _ in range(40)} == {0, 2}
    assert films.another(0, rng) == 2
    assert films.model(0) == films.model(2) == 7


def test_a_film_runs_to_its_end_and_backwards(films: Films):
    times = np.arange(7.0)
    film = films.film(0, np.random.default_rng(1), 200, times)
    assert film.views.shape == (7, HEIGHT, WIDTH, 4)
    assert (np.abs(np.diff(film.order)) <= 2).all()
    shown = [int(film(t)[20, 30, 0]) for t in times]
    assert shown == [50 + 50 * int(view) for view in film.order]


def test_views_are_scaled_down_without_dark_edges(films: Films):
    views = films.views(0, 30, np.array([2]))
    assert views.shape == (1, 20, 30, 4)
    inside = views[0, ..., 3] > 60
    assert np.abs(views[0, ..., 0][inside].astype(int) - 150).max() <= 3


def test_a_rider_is_cut_out_of_the_painted_film(films: Films):
    film = films.film(0, np.random.default_rng(1), 200, np.arange(3.0))
    rider = films.rider_in(film)
    assert rider is not None
    side = (slice(None), slice(6, 34), slice(44, 52) if film.mirrored else slice(8, 16))
    assert (rider.views[side] == film.views[side]).all()
    rest = (slice(None), slice(None), slice(0, 38) if film.mirrored else slice(22, None))
    assert not rider.views[rest].any()


def test_workers_get_films_without_their_bytes(films: Films):
    films.views(0, 30, np.array([0]))
    copy = pickle.loads(pickle.dumps(films))
    assert copy._bytes is None
    assert (copy.views(0, 30, np.array([1])) == films.views(0, 30, np.array([1]))).all()


def test_a_layer_shows_its_film_and_paints_all_views():
    views = np.full((2, 20, 20, 4), 255, np.uint8)
    views[0, ..., :3] = 40
    views[1, ..., :3] = 200
    film = Film(views, np.array([0.0, 1.0]), np.array([0, 1]))
    motion = Motion(np.array([0.5, 0.5, np.log(0.5), 0, 0, 0]))
    layer = Layer(film(0.0), motion, label=1, film=film)
    layer = layer.repainted(lambda picture: np.pad(picture // 2, ((2, 2), (2, 2), (0, 0))))
    for t, tone in ((0.0, 20), (0.4, 20), (1.0, 100)):
        frame, labels = np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), np.uint8)
        layer.draw(frame, labels, np.diag([64.0, 64.0, 1.0]), t)
        assert abs(int(frame[32, 32, 0]) - tone) <= 1


def test_several_alike_and_a_rider_are_objects_of_their_own(folder: Path, monkeypatch):
    monkeypatch.setattr(scene_plan, "GROUPS", 0.5)
    assets, together, riders = Assets(folder), 0, 0
    for seed in range(30):
        plan = scene_plan.ScenePlan(
            assets,
            np.random.default_rng(seed),
            size=64,
            frames=3,
            count=3,
            still=0.0,
            hardness=1.0,
            filmed=1.0,
            held_up=0.0,
        )
        tracked = {layer.label: layer for layer in plan.layers if layer.label}
        assert all(layer.film is not None for layer in tracked.values())
        if len(tracked) > 1 and tracked[2].motion is tracked[1].motion:
            riders += 1
            assert plan.layers.index(tracked[2]) == plan.layers.index(tracked[1]) + 1
            assert (tracked[2].film.views[..., 3] <= tracked[1].film.views[..., 3]).all()
        together += plan.group and len(tracked) > 1
    assert together >= 3
    assert riders >= 3
