"""Functions on masks that need no network."""

from .boxes import mask_box
from .drawing import draw_caption, draw_lines, draw_objects, draw_prompt
from .guided_filter import sharpen
from .holes import fill_holes
from .label_maps import flatten, read_labels
from .palette import check_palette_id, davis_palette, object_colour
from .run_lengths import decode_runs, pack_runs
from .upscaling import Drawn, joined, to_video

__all__ = [
    "Drawn",
    "check_palette_id",
    "davis_palette",
    "decode_runs",
    "draw_caption",
    "draw_lines",
    "draw_objects",
    "draw_prompt",
    "fill_holes",
    "flatten",
    "joined",
    "mask_box",
    "object_colour",
    "pack_runs",
    "read_labels",
    "sharpen",
    "to_video",
]
