"""What stands for several runs."""

from __future__ import annotations

import pytest

from sam2track.cli import main
from sam2track.runners.sweep import expand


def test_every_combination_is_named_by_what_it_varies():
    found = expand(["dataset=davis17", "memory=fifo,motion", "prompt=mask,click", "out=a,b"])
    assert list(found) == [
        "memory=fifo,prompt=mask",
        "memory=fifo,prompt=click",
        "memory=motion,prompt=mask",
        "memory=motion,prompt=click",
    ]
    assert found["memory=motion,prompt=mask"] == ["dataset=davis17", "memory=motion", "prompt=mask"]


def test_lists_ranges_and_paths():
    found = expand(["memory.recent=range(4,6)", "dataset.names=[cat,dog]", "dataset.root=a,b"])
    assert list(found) == ["memory.recent=4", "memory.recent=5"]
    assert found["memory.recent=4"][1:] == ["dataset.names=[cat,dog]", "dataset.root=a,b"]


def test_lists_may_be_swept():
    assert list(expand(["dataset.names=[cat],[dog]"])) == [
        "dataset.names=[cat]",
        "dataset.names=[dog]",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["memory=fifo"], "no value stands for several"),
        (["memory=fifo,nonsense"], "no 'nonsense'"),
        (["memory.recent=interval(1,6)", "memory=fifo"], "give the values themselves"),
        (["memory=fifo,)"], "cannot be read"),
    ],
)
def test_what_cannot_be_swept_runs_nothing(tmp_path, capsys, arguments, message):
    out = tmp_path / "out"
    assert main(["benchmark", "-m", f"out={out}", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()
