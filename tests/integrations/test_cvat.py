"""The functions for CVAT, called as its agent calls them, with its own types and checks."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import HEIGHT, LENGTH, WIDTH, square_clip
from PIL import Image

pytest.importorskip("cvat_sdk.masks", reason="needs cvat-sdk[masks]")
common = pytest.importorskip("cvat_cli._internal.common", reason="needs cvat-cli")

import cvat_sdk.auto_annotation as cvataa  # noqa: E402
from cvat_cli._internal import agent, agent_driver, agent_driver_tracking  # noqa: E402
from cvat_cli._internal import agent_driver_interaction as interaction  # noqa: E402
from cvat_sdk.masks import decode_mask, encode_mask  # noqa: E402

MODULE = "sam2track.integrations.cvat"
PICTURES = [Image.fromarray(frame) for frame in square_clip()]


def true_box(index):
    return [20 + 4 * index, 20, 44 + 4 * index, 44]


def true_mask(index):
    x0, y0, x1, y1 = true_box(index)
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[y0:y1, x0:x1] = True
    return mask


def agreement(shape, index):
    """IoU of a shape with the truth."""
    if shape.type == "mask":
        mask = decode_mask(shape.points, image_width=WIDTH, image_height=HEIGHT)
    elif shape.type == "rectangle":
        x0, y0, x1, y1 = (round(side) for side in shape.points)
        mask = np.zeros((HEIGHT, WIDTH), bool)
        mask[y0:y1, x0:x1] = True
    else:
        from sam2track.annotate.exchange import fill_edges

        mask = fill_edges(np.array(shape.points).reshape(-1, 2), (HEIGHT, WIDTH))
    truth = true_mask(index)
    return (mask & truth).sum() / (mask | truth).sum()


SHAPES = {
    "rectangle": [float(side) for side in true_box(0)],
    "polygon": [20.0, 20.0, 44.0, 20.0, 44.0, 44.0, 20.0, 44.0],
    "mask": [float(number) for number in encode_mask(true_mask(0))],
}


@pytest.fixture
def function():
    """The function, loaded and installed as a worker of the agent does it."""

    def load(**parameters):
        loaded = common.FunctionLoader(MODULE, None, {"device": "cpu", **parameters}).load()
        agent_driver.set_worker_current_function(loaded)
        driver = agent.get_function_driver_class(loaded.spec)
        numbers = iter(range(1000))
        driver.init_worker(lambda: f"state {next(numbers)}")
        return loaded, driver

    return load


def test_the_agent_tracks_every_kind_of_shape(function):
    loaded, driver = function()
    fields = driver.get_remote_function_fields(loaded.spec)
    assert fields == {"supported_shape_types": ["mask", "polygon", "rectangle"]}
    shapes = [cvataa.TrackableShape(type=kind, points=own) for kind, own in SHAPES.items()]
    states = agent_driver_tracking._worker_job_init_tracking(7, PICTURES[0], shapes)
    for index in range(1, LENGTH):
        found = agent_driver_tracking._worker_job_track(7, PICTURES[index], states)
        assert [shape.type for shape in found] == list(SHAPES)
        assert min(agreement(shape, index) for shape in found) > 0.8
        assert all(isinstance(number, (int, float)) for own in found for number in own.points)


def test_shapes_on_a_picture_share_its_features_and_change_nothing(function, monkeypatch):
    loaded, _ = function()
    context = agent_driver_tracking._TrackingFunctionShapeContextImpl(original_shape_type="mask")
    encoded = []
    encode = loaded.model.encode
    monkeypatch.setattr(loaded.model, "encode", lambda own: encoded.append(1) or encode(own))
    shape = cvataa.TrackableShape(type="mask", points=SHAPES["mask"])

    def follow(count):
        picture = loaded.preprocess_image(context, PICTURES[0])
        states = [loaded.init_tracking_state(context, picture, shape) for _ in range(count)]
        picture = loaded.preprocess_image(context, PICTURES[1])
        found = [loaded.track(context, picture, state).points for state in states]
        assert not any(state.session.encoder.known for state in states)  # nothing is held
        return found

    alone = follow(1)
    one = len(encoded)
    assert follow(3) == alone * 3
    assert len(encoded) == 2 * one


def test_a_shape_that_is_gone_is_none_and_may_come_back(function):
    _, _ = function()
    shape = cvataa.TrackableShape(type="rectangle", points=SHAPES["rectangle"])
    states = agent_driver_tracking._worker_job_init_tracking(7, PICTURES[0], [shape])
    grey = Image.fromarray(np.full((HEIGHT, WIDTH, 3), 75, np.uint8))
    track = agent_driver_tracking._worker_job_track
    assert [track(7, picture, states)[0] is None for picture in (PICTURES[1], grey)] == [
        False,
        True,
    ]
    assert agreement(track(7, PICTURES[3], states)[0], 3) > 0.7


@pytest.mark.parametrize(
    ("kind", "points", "message"),
    [
        ("rectangle", [200.0, 10.0, 220.0, 20.0], "is empty"),
        ("polygon", [200.0, 10.0, 220.0, 10.0, 220.0, 20.0], "the polygon has no pixel"),
        ("mask", [0, 1, 200, 10, 200, 10], "invalid encoded bounding box"),
    ],
)
def test_a_shape_outside_the_picture_is_one_line(function, kind, points, message):
    function()
    shape = cvataa.TrackableShape(type=kind, points=points)
    with pytest.raises(ValueError, match=message):
        agent_driver_tracking._worker_job_init_tracking(7, PICTURES[0], [shape])


def test_the_agent_segments_a_picture(function):
    loaded, driver = function(kind="interactor")
    fields = driver.get_remote_function_fields(loaded.spec)
    assert fields == {"min_pos_points": 1, "min_neg_points": 0, "startswith_box_optional": True}
    prompts = interaction._InteractionPromptsImpl(
        pos_points=((32.0, 32.0),), neg_points=((90.0, 60.0),), bounding_box=((20, 20), (44, 44))
    )
    (shape,) = interaction._worker_job_interact((7, 0, ()), PICTURES[0], prompts)
    assert agreement(shape, 0) > 0.8
    assert interaction._worker_job_interact_from_cache((7, 0, ()), prompts) == [shape]


def test_another_kind_is_refused():
    from sam2track.integrations.cvat import create

    with pytest.raises(ValueError, match="kind=detector: choose one of tracker, interactor"):
        create(kind="detector")
