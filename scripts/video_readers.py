"""Compare the readers of video files, PyAV and decord: time, memory and pixels.

    pip install decord2
    python scripts/video_readers.py [video ...]

Without a video it encodes one of 1,000 frames (H.264, 480p, a keyframe every 250 frames). The two
take turns. The times are medians; CPU time counts all threads of the process.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from sam2track.video import VideoError, open_file

READERS = ("pyav", "decord")
FRAMES, STRIDE = 8, 4  # of a clip
ROUNDS = 10
VIDEO = Path(__file__).parents[1] / "videos" / "bunny.mp4"
KINDS = {
    "H.264, 480p": ("mp4", "libx264", (480, 640), "yuv420p"),
    "H.264, 720p, no colour tag": ("mp4", "libx264", (720, 1280), "yuv420p"),
    "H.264, 10 bits": ("mp4", "libx264", (480, 640), "yuv420p10le"),
    "H.265, 480p": ("mp4", "libx265", (480, 640), "yuv420p"),
    "VP9, WebM": ("webm", "libvpx-vp9", (240, 320), "yuv420p"),
    "H.264, MPEG transport stream": ("ts", "libx264", (480, 640), "yuv420p"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", nargs="*", type=Path)
    with tempfile.TemporaryDirectory() as folder:
        for path in parser.parse_args().videos or [write_long(Path(folder) / "long.mp4")]:
            measure(path)
        print("\n| file | pixels of decord |\n|---|---|")
        for kind, (suffix, codec, size, pixels) in KINDS.items():
            path = write_noise(Path(folder) / f"kind.{suffix}", codec, size, pixels)
            try:
                print(f"| {kind} | {difference(path)} |")
            except VideoError:
                print(f"| {kind} | not read |")


def measure(path: Path) -> None:
    """Print the table of one file."""
    rng = random.Random(0)
    with open_file(path) as video:
        length = len(video)
    jumps = [rng.sample(range(length), FRAMES) for _ in range(ROUNDS)]
    starts = [rng.randrange(length - FRAMES * STRIDE) for _ in range(ROUNDS)]
    clips = [range(start, start + FRAMES * STRIDE, STRIDE) for start in starts]
    print(
        f"{path.name}, {length} frames\n\n| ms, wall (CPU) | {' | '.join(READERS)} |\n|---|---|---|"
    )
    opened = {reader: open_file(path, reader) for reader in READERS}

    def jump(reader: str, turn: int) -> object:
        return [opened[reader].read(index) for index in jumps[turn]]

    def ordered(reader: str, turn: int) -> object:
        return opened[reader].read_many(sorted(jumps[turn]))

    def clip(reader: str, turn: int) -> object:
        with open_file(path, reader) as video:
            return video.read_many(clips[turn])

    row("open", lambda reader, _: open_file(path, reader).close())
    row("8 random frames of an open file, one by one", jump)
    row("8 random frames of an open file, sorted, together", ordered)
    row(f"a clip: open, 8 frames at every {STRIDE}th", clip)


def row(name: str, work: Callable[[str, int], object]) -> None:
    times: dict[str, list[tuple[float, float]]] = {reader: [] for reader in READERS}
    for turn in range(ROUNDS):
        for reader in READERS:
            wall, cpu = time.perf_counter(), time.process_time()
            work(reader, turn)
            times[reader].append((time.perf_counter() - wall, time.process_time() - cpu))
    medians = (1000 * np.median(times[reader], axis=0) for reader in READERS)
    print(f"| {name} | " + " | ".join(f"{wall:.0f} ({cpu:.0f})" for wall, cpu in medians) + " |")


def difference(path: Path) -> str:
    """How far decord's pixels are from PyAV's."""
    with open_file(path, "pyav") as one, open_file(path, "decord") as other:
        if len(one) != len(other):
            return f"{len(other)} frames instead of {len(one)}"
        most = max(
            int(np.abs(one[index].image.astype(int) - other[index].image).max())
            for index in (0, 5, len(one) - 1)
        )
    return "the same" if not most else f"differ by up to {most}"


def write_long(path: Path) -> Path:
    """The demo video, forward and backward in turn."""
    with av.open(str(VIDEO)) as container:
        pictures = [frame.to_ndarray(format="yuv420p") for frame in container.decode(video=0)]
    pictures += pictures[-2:0:-1]
    return encode(path, "libx264", [pictures[i % len(pictures)] for i in range(1000)], "yuv420p")


def write_noise(path: Path, codec: str, size: tuple[int, int], pixels: str) -> Path:
    """Thirty frames of moving blocks."""
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 255, (size[0] // 8, size[1] // 8, 3), dtype=np.uint8)
    image = blocks.repeat(8, 0).repeat(8, 1)
    return encode(path, codec, [np.roll(image, 4 * i, 1) for i in range(30)], pixels, "rgb24")


def encode(path: Path, codec: str, pictures, pixels: str, given: str = "yuv420p") -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options={"preset": "veryfast"})
        first = av.VideoFrame.from_ndarray(pictures[0], format=given)
        stream.height, stream.width, stream.pix_fmt = first.height, first.width, pixels
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format=given)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


if __name__ == "__main__":
    main()
