"""Functions on masks that need no network."""

from .boxes import mask_box
from .drawing import draw_caption, draw_objects, draw_prompt
from .finish import COARSE, FINE, PLAIN, Finish
from .guided_filter import sharpen
from .label_maps import flatten, read_labels, split_labels
from .palette import check_palette_id, davis_palette, object_colour
from .regions import fill_holes, remove_small_regions
from .run_lengths import decode_runs, encode_runs, flat_runs, list_runs, pack_runs
from .upscaling import VideoMasks, concatenate, tidy, upscale

__all__ = [
    "COARSE",
    "FINE",
    "PLAIN",
    "Finish",
    "VideoMasks",
    "check_palette_id",
    "concatenate",
    "davis_palette",
    "decode_runs",
    "draw_caption",
    "draw_objects",
    "draw_prompt",
    "encode_runs",
    "fill_holes",
    "flat_runs",
    "flatten",
    "list_runs",
    "mask_box",
    "object_colour",
    "pack_runs",
    "read_labels",
    "remove_small_regions",
    "sharpen",
    "split_labels",
    "tidy",
    "upscale",
]
