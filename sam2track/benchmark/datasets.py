"""The datasets of the benchmark: the reader of each, how it is scored, how masks are written.

One function for each dataset, used by ``configs/dataset/*.yaml``. ``names``: only these sequences,
in this order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..data.readers import box_datasets
from ..data.readers.davis import davis
from ..data.readers.folder import folder as read_folder
from ..data.readers.lvos import lvos as read_lvos
from ..data.readers.mose import mose as read_mose
from ..data.readers.sav import sav
from ..data.readers.sequence import BoxSequence, MaskSequence
from ..data.readers.synthetic_long import synthetic_long as read_synthetic_long
from ..data.readers.youtube_vos import youtube_vos
from ..metrics import DAVIS_2016, DAVIS_2017, SA_V, VOS_BENCHMARK, Toolkit

Names = Sequence[str] | None


@dataclass(frozen=True, slots=True)
class Dataset:
    """The sequences of a split, and how the dataset's toolkit scores them.

    Attributes:
        name: as in the published tables.
        sequences: in order.
        toolkit: how masks are scored.
        layout: how masks are written, see :mod:`sam2track.benchmark.layouts`.
        has_truth: whether the masks of all annotated frames are public; else only the frames where
            objects first appear are annotated.
    """

    name: str
    sequences: tuple[MaskSequence, ...]
    toolkit: Toolkit = VOS_BENCHMARK
    layout: str = "palette"
    has_truth: bool = True


@dataclass(frozen=True, slots=True)
class BoxDataset:
    """The sequences of a split, each with one object and its boxes.

    Attributes:
        name, sequences: as in :class:`Dataset`.
        layout: how boxes are written: ``lasot``, ``otb``, ``got10k`` or ``vot``.
        has_truth: whether the boxes after the first are public.
    """

    name: str
    sequences: tuple[BoxSequence, ...]
    layout: str
    has_truth: bool = True


OpenDataset = Callable[[], Dataset | BoxDataset]


def frame_name(sequence: MaskSequence, index: int) -> str:
    """The name of a frame's files: as in its dataset, or its index if it is not a file."""
    name = getattr(sequence, "frame_name", None)
    return f"{index:05d}" if name is None else name(index)


def object_names(sequence: MaskSequence) -> dict[int, str]:
    """The folders of the objects, where each has its own; else empty."""
    return getattr(sequence, "object_names", {})


def davis16(root: str, split: str = "val", *, names: Names = None) -> Dataset:
    """DAVIS 2016: one object per sequence."""
    return Dataset("davis16", davis(root, 2016, split, names=names), DAVIS_2016, layout="binary")


def davis17(root: str, split: str = "val", *, names: Names = None) -> Dataset:
    """DAVIS 2017: several objects per sequence; ``test-dev`` is scored by the server."""
    sequences = davis(root, 2017, split, names=names)
    return Dataset("davis17", sequences, DAVIS_2017, has_truth=not split.startswith("test"))


def ytvos(
    root: str,
    split: str = "valid",
    *,
    year: int = 2019,
    names: Names = None,
    all_frames: bool = False,
    seen: str | None = None,
) -> Dataset:
    """YouTube-VOS 2018 and 2019; ``valid`` and ``test`` are scored by the server."""
    sequences = youtube_vos(root, split, names=names, all_frames=all_frames, seen=seen)
    return Dataset(f"ytvos{year % 100}", sequences, has_truth=split == "train")


def mose(root: str, split: str = "valid", *, version: int = 1, names: Names = None) -> Dataset:
    """MOSE 1 and 2; ``valid`` is scored by the server."""
    name = "mose" if version == 1 else f"mosev{version}"
    return Dataset(name, read_mose(root, split, names=names), has_truth=split == "train")


def lvos(
    root: str,
    split: str = "valid",
    *,
    version: int = 1,
    names: Names = None,
    unseen: str | None = None,
) -> Dataset:
    """LVOS 1 and 2; ``test`` is scored by the server."""
    name = "lvos" if version == 1 else f"lvosv{version}"
    sequences = read_lvos(root, split, names=names, unseen=unseen)
    return Dataset(name, sequences, has_truth=split != "test")


def sa_v(root: str, split: str = "val", *, names: Names = None) -> Dataset:
    """SA-V: objects may overlap, and each has its own folder."""
    return Dataset(f"sav_{split}", sav(root, split, names=names), SA_V, layout="objects")


def folder(
    root: str, split: str | None = None, *, names: Names = None, video_reader: str = "auto"
) -> Dataset:
    """A user's own videos with masks, or the results of ``sam2track track``."""
    return Dataset("folder", read_folder(root, split, names=names, video_reader=video_reader))


def synthetic_long(
    short: bool = False, version: int = 1, *, draws: int = 1, names: Names = None
) -> Dataset:
    """The project's own long-term benchmark: procedural, no download."""
    return Dataset("synthetic_long", read_synthetic_long(short, version, draws=draws, names=names))


def lasot(root: str, split: str = "testing_set", *, names: Names = None) -> BoxDataset:
    """LaSOT: long videos of one object."""
    return BoxDataset("lasot", box_datasets.lasot(root, split, names=names), "lasot")


def got10k(root: str, split: str = "val", *, names: Names = None) -> BoxDataset:
    """GOT-10k; ``test`` is scored by the server."""
    sequences = box_datasets.got10k(root, split, names=names)
    return BoxDataset("got10k", sequences, "got10k", has_truth=split != "test")


def otb(root: str, split: str = "all", *, names: Names = None) -> BoxDataset:
    """OTB."""
    return BoxDataset("otb", box_datasets.otb(root, split, names=names), "otb")


def vot(root: str, split: str = "list", *, names: Names = None) -> BoxDataset:
    """VOT, scored as in its long-term challenge: precision, recall and F over confidence."""
    return BoxDataset("vot", box_datasets.vot(root, split, names=names), "vot")
