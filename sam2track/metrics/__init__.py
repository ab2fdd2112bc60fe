"""METRICS: how good masks (J, F) and boxes (success, precision, AO) are; knows no model."""

from .boxes import (
    BoxScores,
    OverlapScores,
    cut_boxes,
    overlap,
    score_boxes,
    score_overlaps,
)
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
    collect_spans,
    score_frame,
    score_sequence,
    statistics,
)

__all__ = [
    "DAVIS_2016",
    "DAVIS_2017",
    "SA_V",
    "VOS_BENCHMARK",
    "BoxScores",
    "ObjectScores",
    "OverlapScores",
    "Statistics",
    "Toolkit",
    "boundary",
    "boundary_map",
    "collect",
    "collect_spans",
    "cut_boxes",
    "overlap",
    "region",
    "score_boxes",
    "score_folders",
    "score_frame",
    "score_overlaps",
    "score_sequence",
    "statistics",
]
