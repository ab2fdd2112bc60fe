"""Paired differences and their confidence intervals."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sam2track.benchmark.compare import compare, interval, load_run, write_comparison


def write_run(folder, scores, dataset="davis17"):
    """``scores``: by sequence, J&F of its objects."""
    folder.mkdir(parents=True)
    sequences = {
        name: {"objects": {str(k + 1): {"J&F": float(v)} for k, v in enumerate(values)}}
        for name, values in scores.items()
    }
    results = {"dataset": dataset, "mean": {"J&F": 0.0}, "sequences": sequences, "broken": {}}
    (folder / "results.json").write_text(json.dumps(results))
    return load_run(folder)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    random = np.random.default_rng(0)
    hits = 0
    for _ in range(150):
        shared = random.normal(1.0, 3.0, 40)  # objects of a video move together
        clusters = [value + random.normal(0, 1, random.integers(1, 5)) for value in shared]
        low, high = interval(clusters)
        hits += low < 1.0 < high
    assert 0.88 <= hits / 150 <= 0.99


def test_the_interval_is_that_of_a_mean_by_theory():
    values = np.random.default_rng(1).normal(0, 2, 400)
    low, high = interval([np.array([value]) for value in values])
    error = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx(
        (values.mean() - error, values.mean() + error), abs=0.1 * error
    )
    assert interval([np.array([value]) for value in values]) == (low, high)


def test_verdicts(tmp_path):
    scores = {f"clip{n}": [50 + n, 40 + n] for n in range(10)}
    base = write_run(tmp_path / "a", scores)
    better = {name: [value + 3 for value in values] for name, values in scores.items()}
    mixed = {
        name: [value + (-1) ** n * 10 for value in values]
        for n, (name, values) in enumerate(scores.items())
    }
    found = compare(base, write_run(tmp_path / "b", better))
    assert (found.mean, found.low, found.high) == pytest.approx((3, 3, 3))
    assert found.verdict == "better"
    assert compare(write_run(tmp_path / "c", better), base).verdict == "worse"
    assert compare(base, write_run(tmp_path / "d", mixed)).verdict == "even"


def test_two_videos_have_no_interval_and_no_verdict(tmp_path):
    base = write_run(tmp_path / "a", {"cat": [50, 60], "dog": [10]})
    other = write_run(tmp_path / "b", {"cat": [40, 50], "dog": [5]})
    found = compare(base, other)
    assert (found.low, found.high, found.verdict) == (None, None, "unknown")
    table = write_comparison(tmp_path, [base, other], page=False)
    assert "none: it needs 3 videos, there are 2" in table
    assert "worse" not in table
    stored = json.loads((tmp_path / "comparison.json").read_text())
    assert stored["differences"]["b"]["low"] is None


def test_only_shared_objects_count(tmp_path):
    base = write_run(tmp_path / "a", {"cat": [50, 60], "dog": [10]})
    found = compare(base, write_run(tmp_path / "b", {"cat": [55]}))
    assert found.objects == {("cat", "1"): 5}
    assert found.sequences == 1


def test_what_cannot_be_compared(tmp_path):
    base = write_run(tmp_path / "a", {"cat": [50]})
    with pytest.raises(ValueError, match=r"davis17.*mose"):
        compare(base, write_run(tmp_path / "b", {"cat": [50]}, dataset="mose"))
    with pytest.raises(ValueError, match="no object in common"):
        compare(base, write_run(tmp_path / "c", {"dog": [50]}))
    with pytest.raises(ValueError, match="no scores"):
        write_run(tmp_path / "d", {"cat": []})
