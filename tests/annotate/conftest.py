"""A tiny model, and a project of one short clip."""

from __future__ import annotations

import pytest
from annotate.small_project import clip_project, tiny_engine


@pytest.fixture(scope="module")
def engine():
    return tiny_engine()


@pytest.fixture
def project(tmp_path):
    with clip_project(tmp_path) as made:
        yield made
