"""METRICS: how good masks are. J, F and what is counted from them; nothing here knows a model."""

from .folders import score_folders
from .masks import boundary, boundary_map, region
from .sequences import (
    DAVIS_2016,
    DAVIS_2017,
    SA_V,
    VOS_BENCHMARK,
    ObjectScores,
    Statistics,
    Toolkit,
    collect,
    score_frame,
    score_sequence,
    statistics,
)

__all__ = [
    "DAVIS_2016",
    "DAVIS_2017",
    "SA_V",
    "VOS_BENCHMARK",
    "ObjectScores",
    "Statistics",
    "Toolkit",
    "boundary",
    "boundary_map",
    "collect",
    "region",
    "score_folders",
    "score_frame",
    "score_sequence",
    "statistics",
]
