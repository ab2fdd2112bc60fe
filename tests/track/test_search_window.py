"""Small objects are followed through windows of the frame."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tiny import noise_frames, square_mask, tiny_model

from sam2track import Frame, Prompt, TrackingSession
from sam2track.memory.tree import TreeSettings
from sam2track.model.sam2 import SAM2
from sam2track.prompts import PlacedPrompt
from sam2track.track import track
from sam2track.track.both_directions import follow_both
from sam2track.track.search_window import Whereabouts, Zoom, zoom_of
from sam2track.types import Candidates
from sam2track.video import ArrayVideo

SIZE = (120, 200)
SIDE = 10  # of a square
RED = np.array([255, 0, 0], np.uint8)


class RedFinder(SAM2):
    """Its masks are the red pixels of what it sees; the rest is an ordinary tiny network."""

    def encode(self, image):
        red = (image[:, :1] > 1) & (image[:, 1:2] < 0)
        features = super().encode(image)
        return replace(features, stride4=F.avg_pool2d(20.0 * red, 4) - 8)

    def decode(self, conditioned, features, prompts=None, **_):
        rows = len(conditioned)
        masks = features.stride4.expand(rows, 3, -1, -1)
        tokens = torch.zeros(rows, 3, self.variant.width)
        presence = torch.where(masks.flatten(1).amax(1) > 0, 5.0, -5.0)[:, None]
        return Candidates(masks, torch.full((rows, 3), 0.9), tokens, presence)

    def memorise(self, features, resolved, **given):
        width = self.variant.width // 8
        stride4 = features.stride4.expand(-1, width, -1, -1)
        return super().memorise(replace(features, stride4=stride4), resolved, **given)


class NearFinder(RedFinder):
    """One that is sure of what it sees large."""

    def decode(self, *given, **options):
        found = super().decode(*given, **options)
        large = (found.masks > 0).float().mean((-1, -2)) > 0.02
        return replace(found, scores=torch.where(large, 0.9, 0.5))


@pytest.fixture(scope="module")
def finder() -> SAM2:
    model = tiny_model()
    model.__class__ = RedFinder
    return model


def mask_at(*corners) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    for x, y in corners:
        mask[max(y, 0) : y + SIDE, max(x, 0) : x + SIDE] = True
    return mask


def frames_of(*paths) -> list[Frame]:
    """Squares that move over grey; each path gives the corner by frame, None = away."""
    frames = []
    for index, corners in enumerate(zip(*paths, strict=True)):
        image = np.full((*SIZE, 3), 90, np.uint8)
        image[mask_at(*[corner for corner in corners if corner])] = RED
        frames.append(Frame(index, image))
    return frames


PATH = [(20 + 6 * step, 30 + 2 * step) for step in range(16)]


def test_a_small_square_is_followed_through_windows(finder):
    frames = frames_of(PATH)
    session = TrackingSession(finder, zoom=3)
    session.prompt(1, Prompt.click(24, 34), frames[0])
    for frame, corner in zip(frames, PATH, strict=True):
        result = session.step(frame)
        window = result.windows[0]
        assert window is not None
        longest = max(window[2] - window[0], window[3] - window[1])
        assert longest < (80 if frame.index < 6 else 50)  # at first the mask is coarse
        found, truth = result.mask(1), mask_at(corner)
        assert (found & truth).sum() / (found | truth).sum() > 0.7
        assert result.owner[corner[1] + 5, corner[0] + 5] == 0
        assert result.label_map().max() == 1


def test_the_window_grows_to_the_whole_frame_while_the_object_is_away(finder):
    path = [*PATH[:4], *[None] * 10, *[(170, 90)] * 4]
    session = TrackingSession(finder, zoom=3)
    frames = frames_of(path)
    session.prompt(1, Prompt.from_box([20, 30, 30, 40]), frames[0])
    results = [session.step(frame) for frame in frames]
    windows = [result.windows[0] for result in results]
    sides = [SIZE[1] if w is None else w[2] - w[0] for w in windows[5:13]]
    assert sides == sorted(sides)
    assert windows[13] is None
    assert not results[12].mask(1).any()
    found, truth = results[14].mask(1), mask_at((170, 90))
    assert (found & truth).sum() / (found | truth).sum() > 0.3  # seen in the whole frame
    assert windows[-1] is not None
    assert windows[-1][0] > 120


def test_objects_have_windows_of_their_own(finder):
    near = [(x + 13, y) for x, y in PATH]
    frames = frames_of(PATH, near, [(15, 100)] * len(PATH))
    session = TrackingSession(finder, zoom=3)
    for object_id, (x, y) in enumerate((PATH[0], near[0], (15, 100)), 1):
        session.prompt(object_id, Prompt.from_box([x, y, x + SIDE, y + SIDE]), frames[0])
    results = [session.step(frame) for frame in frames]
    for result, corner in zip(results[1:], PATH[1:], strict=True):
        one, two, three = result.windows
        assert len({one, two, three}) == 3
        assert result.mask(1)[corner[1] + 5, corner[0] + 5]
        assert result.mask(3)[105, 20]
        assert not result.mask(3)[:90].any()
        assert not result.mask(1)[100:].any()
    owner = results[-1].owner
    assert owner[105, 20] == 2
    assert owner[PATH[-1][1] + 5, PATH[-1][0] + 5] in (0, 1)


@pytest.mark.parametrize("direction", [1, -1])
def test_a_pass_with_frames_encoded_ahead_is_as_single_steps(finder, direction, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    frames = frames_of(PATH)[::direction]
    start = PATH[frames[0].index]
    prompt = Prompt.click(start[0] + 4, start[1] + 4)
    single = TrackingSession(finder, zoom=3)
    single.prompt(1, prompt, frames[0])
    expected = [single.step(frame, direction=direction) for frame in frames]
    session = TrackingSession(finder, zoom=3)
    assert session.workers.most > 1
    placed = [PlacedPrompt(1, frames[0].index, prompt)]
    encoded = Counter()
    encode = session.encoder._encode

    def counted(frame, window):
        encoded[frame.index] += 1
        return encode(frame, window)

    monkeypatch.setattr(session.encoder, "_encode", counted)
    results = [
        result for _, result in track(session, lambda: iter(frames), placed, direction=direction)
    ]
    assert [result.windows for result in results] == [result.windows for result in expected]
    for ours, theirs in zip(results, expected, strict=True):
        torch.testing.assert_close(ours.logits, theirs.logits)
    # Ahead only if it was read in time. The click's frame is seen as a whole, near the click, and
    # through the object's window; the second frame follows it.
    assert set(encoded.values()) <= {1, 2, 3}
    assert sum(encoded.values()) <= len(frames) + 2


def test_both_directions_and_late_decisions_keep_the_windows(finder):
    frames = frames_of(PATH)
    x, y = PATH[8]
    placed = [PlacedPrompt(1, 8, Prompt.from_box([x, y, x + SIDE, y + SIDE]))]
    memory = TreeSettings(lag=None)
    start = partial(TrackingSession, finder, zoom=3, memory=memory)
    video = ArrayVideo(np.stack([frame.image for frame in frames]))
    outcomes = [outcome for _, outcome in follow_both(start, video, placed)]
    assert [outcome.index for outcome in outcomes] == list(range(len(frames)))
    renderer = start()
    for frame, outcome, corner in zip(frames, outcomes, PATH, strict=True):
        assert outcome.windows[0] is not None
        mask = renderer.render(outcome, frame).mask(1)
        assert mask[corner[1] + 5, corner[0] + 5]
        assert mask.sum() < 200


def test_an_earlier_frame_is_corrected_through_its_window(finder):
    frames = frames_of(PATH)
    session = TrackingSession(finder, zoom=3, archive=True)
    session.prompt(1, Prompt.click(24, 34), frames[0])
    before = [session.step(frame) for frame in frames]
    x, y = PATH[5]
    session.prompt(1, Prompt.click(x + 5, y + 5), frames[5])
    again = [session.step(frame) for frame in frames[5:]]
    assert again[0].windows == before[5].windows
    assert all(result.windows[0] is not None for result in again)
    far = Prompt.click(190, 110, 0)  # outside the window
    session.prompt(1, far, frames[8])
    assert session.objects[1].pending[8].resolved.window is None


def test_without_zoom_the_whole_frame_is_seen():
    model, frames = tiny_model(), noise_frames(4)
    outcomes = []
    for options in ({}, {"zoom": "off"}, {"zoom": 50}):
        session = TrackingSession(model, **options)
        session.prompt(1, Prompt.from_mask(square_mask()), frames[0])
        outcomes.append([session.step(frame) for frame in frames])
    for results in zip(*outcomes, strict=True):
        assert {result.windows for result in results} == {(None,)}
        assert all(torch.equal(result.logits, results[0].logits) for result in results)


def test_a_window_lies_in_the_frame_and_leads_the_motion():
    zoom = Zoom(3.0, least=8.0)
    place = Whereabouts.of((0, 0, 10, 10))
    assert zoom.window(place, 1, SIZE) == (0, 0, 30, 30)
    for step in range(1, 8):
        place = place.after((8 * step, 0, 8 * step + 10, 10))
    ahead = zoom.window(place, 2, SIZE)
    assert ahead is not None
    assert (ahead[0] + ahead[2]) / 2 > place.centre[0] + 12
    assert Zoom(None).window(place, 1, SIZE) is None


@pytest.mark.parametrize(
    ("length", "side"),
    [
        (30, 90),  # three times the object
        (40, 110),  # not more than 0.55 of the frame
        (90, 153),  # but 1.7 times the object
        (101, None),  # the whole frame: the window would be more than 0.85 of it
    ],
)
def test_the_window_of_a_larger_object_is_narrower(length, side):
    zoom = Zoom(3.0, least=8.0)
    window = zoom.window(Whereabouts.of((0, 0, length, 10)), 0, SIZE)
    assert (window and window[2] - window[0]) == side


def test_many_large_objects_share_the_whole_frame():
    zoom, large, small = Zoom(3.0, least=8.0), *(Whereabouts.of((0, 0, x, 9)) for x in (60, 20))
    places = dict.fromkeys(range(1, 5), (large, 0))
    assert None not in zoom.windows(places, SIZE).values()
    windows = zoom.windows({**places, 5: (small, 0)}, SIZE)
    assert [windows[k] for k in range(1, 5)] == [None] * 4
    assert windows[5] is not None


def test_a_small_frame_is_seen_as_a_whole():
    place = Whereabouts.of((0, 0, 60, 10))
    assert Zoom(3.0, least=64.0).window(place, 0, SIZE) is None
    assert Zoom(3.0, least=8.0).window(place, 0, SIZE) is not None


@pytest.mark.parametrize(("kind", "both"), [(RedFinder, True), (NearFinder, False)])
def test_a_click_on_a_small_object_is_answered_near_by(kind, both):
    """Of two squares in the frame the one near the click is shown, if that is much surer."""
    model = tiny_model()
    model.__class__ = kind
    mask = TrackingSession(model, zoom=3).prompt(
        1, Prompt.click(24, 34), frames_of([(20, 30)], [(150, 90)])[0]
    )
    assert mask[35, 25]
    assert mask[95, 155] == both
    # clicks on both squares are answered in the whole frame
    session, frame = TrackingSession(model, zoom=3), frames_of([(20, 30)], [(150, 90)])[0]
    mask = session.prompt(1, Prompt([(24, 34), (155, 95)], [1, 1]), frame)
    assert mask[35, 25]
    assert mask[95, 155]


def test_a_mask_that_the_window_near_a_click_cuts_is_not_taken():
    model = tiny_model()
    model.__class__ = NearFinder
    bar = [[(x, 50)] for x in range(30, 180, 5)]  # longer than the window, thin in the frame
    mask = TrackingSession(model, zoom=3).prompt(1, Prompt.click(100, 55), frames_of(*bar)[0])
    assert mask[55, 35]
    assert mask[55, 175]


def test_the_window_near_clicks_has_a_third_of_the_frame():
    zoom = Zoom(3.0, least=8.0)
    window = zoom.near((100, 60, 100, 60), SIZE)
    assert window == (66, 33, 132, 99)
    assert zoom.near((105, 64, 105, 64), SIZE) == window  # of a click beside it
    assert zoom.near((5, 60, 40, 60), SIZE) == (0, 33, 66, 99)  # of two clicks
    assert zoom.near((5, 60, 90, 60), SIZE) is None  # too far from each other
    assert zoom.near((8, 9, 8, 9), (16, 18)) is None  # hardly larger than the window would be
    assert Zoom(None).near((100, 60, 100, 60), SIZE) is None


def test_a_click_on_a_large_object_is_not_answered_twice():
    zoom = Zoom(3.0, least=8.0)
    small, large = (Whereabouts.of((0, 0, length, 9)) for length in (40, 50))
    assert zoom.closer(small, SIZE) == zoom.window(small, 0, SIZE) == (0, 0, 110, 110)
    assert zoom.closer(large, SIZE) is None
    assert zoom.window(large, 0, SIZE) is not None


def test_a_size_that_jumps_is_smoothed():
    place = Whereabouts.of((50, 50, 70, 70)).after((50, 50, 54, 54))
    assert 14 < place.side < 20
    assert place.after(None).after(None).lost == 2


def test_each_object_has_a_window_of_its_own_size():
    places = {k: Whereabouts.of((20 * k, 10 * k, 20 * k + 10, 10 * k + 10)) for k in range(1, 7)}
    windows = Zoom(3.0, least=8).windows({k: (place, 0) for k, place in places.items()}, SIZE)
    sizes = {(x1 - x0, y1 - y0) for x0, y0, x1, y1 in filter(None, windows.values())}
    assert (len(set(windows.values())), sizes) == (6, {(30, 30)})


@pytest.mark.parametrize(
    ("given", "factor"),
    [("auto", 3.5), ("off", None), (False, None), ("False", None), (4, 4.0), ("2.5", 2.5)],
)
def test_the_option_means(given, factor):
    assert zoom_of(given, 3.5, 256) == Zoom(factor, *([] if factor is None else [64.0]))


@pytest.mark.parametrize("given", ["on", 0, 1, -2, "nan", "inf"])
def test_other_values_are_refused(given):
    with pytest.raises(ValueError, match=f"zoom={given}: give auto, off"):
        zoom_of(given, None, 64)
