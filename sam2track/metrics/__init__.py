"""Metrics of masks (J, F) and boxes (success, precision, AO)."""

from .boxes import (
    BoxScores,
    OverlapScores,
    complete_boxes,
    cut_boxes,
    got10k_overlaps,
    overlap,
    score_boxes,
    score_overlaps,
)
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
from .vot import LongTermScores, LongTermTrack, box_track, score_long_term

__all__ = [
    "DAVIS_2016",
    "DAVIS_2017",
    "SA_V",
    "VOS_BENCHMARK",
    "BoxScores",
    "LongTermScores",
    "LongTermTrack",
    "ObjectScores",
    "OverlapScores",
    "Statistics",
    "Toolkit",
    "boundary",
    "boundary_map",
    "box_track",
    "collect",
    "collect_spans",
    "complete_boxes",
    "cut_boxes",
    "got10k_overlaps",
    "overlap",
    "region",
    "score_boxes",
    "score_frame",
    "score_long_term",
    "score_overlaps",
    "score_sequence",
    "statistics",
]
