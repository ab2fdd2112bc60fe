"""Cuts short clips from videos: the folder that the README's section on many videos annotates.

    python scripts/cut_clips.py videos clips --count 10 --frames 30 --width 320

The videos take turns; the clips of one are spread evenly over it: ``cup-1.mp4``, ``cup-2.mp4``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import av
import cv2

from sam2track import open_video


def cut(folder: Path, out: Path, count: int, frames: int, width: int) -> list[Path]:
    """The clips: ``count`` of ``frames`` frames, ``width`` pixels wide, with even sides."""
    out.mkdir(parents=True, exist_ok=True)
    videos = sorted(folder.glob("*.mp4"))
    shares = [len(range(place, count, len(videos))) for place in range(len(videos))]
    made: list[Path] = []
    for path, share in zip(videos, shares, strict=True):
        with open_video(path) as video:
            height = round(width * video.size[0] / video.size[1] / 2) * 2
            for number in range(share):
                start = number * (len(video) - frames) // max(share - 1, 1)
                made.append(out / f"{video.name}-{number + 1}.mp4")
                with av.open(str(made[-1]), "w") as container:
                    stream = container.add_stream("libx264", rate=round(video.fps or 25))
                    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
                    for index in range(start, start + frames):
                        picture = cv2.resize(video[index].image, (width, height))
                        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                        container.mux(stream.encode(frame))
                    container.mux(stream.encode())
    return made


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--frames", type=int, default=30)
    parser.add_argument("--width", type=int, default=320)
    own = parser.parse_args()
    for path in cut(own.folder, own.out, own.count, own.frames, own.width):
        print(path)
