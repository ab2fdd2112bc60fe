"""Time this package, the official ``sam2`` and ``transformers`` on the same work, in one process.

    python scripts/speed.py --frames 12 --objects 1 4

Needs ``sam2==1.1.0`` and ``transformers`` beside this package. The same random weights, frames,
boxes, threads and precision; the three take turns frame by frame, so that what else the machine
does hits all alike. A frame is timed once the memory is full. Prints the median seconds a frame
and, for each other, the median ratio ours / theirs over the frames.

    python scripts/speed.py --end-to-end --objects 1 8

Times the command ``sam2track track`` with nano and all its default sinks on a procedural 854 x 480
video: decoding, tracking and writing together.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from sam2track import Prompt, TrackingSession
from sam2track.masks.boxes import mask_box
from sam2track.model.sam2 import SAM2
from sam2track.model.variants import find_variant
from sam2track.model.weights.names import huggingface_name, to_official
from sam2track.synthetic.video import SyntheticVideo
from sam2track.types import Frame

MODEL = "sam2.1_hiera_tiny"
CONFIG = "configs/sam2.1/sam2.1_hiera_t.yaml"
BOXES = ([100, 80, 300, 260], [400, 100, 600, 300], [200, 200, 500, 400], [50, 300, 250, 460])


def ours(model: SAM2, frames: list[Frame], objects: int, device: str) -> Iterator[None]:
    """One frame a turn."""
    session = TrackingSession(model.to(device), length=len(frames))
    for number, box in enumerate(BOXES[:objects], 1):
        session.prompt(number, Prompt.from_box(box), frames[0])
    for frame in frames:
        session.step(frame)
        yield


def official(model: SAM2, frames: list[Frame], objects: int, device: str) -> Iterator[None]:
    """The same by PyPI's ``sam2``. It reads the whole video first, which is not timed."""
    from PIL import Image
    from sam2.build_sam import build_sam2_video_predictor

    predictor = build_sam2_video_predictor(CONFIG, device=device)
    predictor.load_state_dict(to_official(model.state_dict()))
    predictor.fill_hole_area = 0  # needs its CUDA extension
    with tempfile.TemporaryDirectory() as folder:
        for frame in frames:
            Image.fromarray(frame.image).save(f"{folder}/{frame.index:05d}.jpg", quality=95)
        state = predictor.init_state(folder)
    for number, box in enumerate(BOXES[:objects], 1):
        predictor.add_new_points_or_box(state, 0, number, box=np.array(box, np.float32))
    for _ in predictor.propagate_in_video(state):
        yield


def huggingface(model: SAM2, frames: list[Frame], objects: int, device: str) -> Iterator[None]:
    """The same by ``transformers``. It too prepares the whole video first."""
    from transformers import (
        Sam2ImageProcessorFast,
        Sam2VideoConfig,
        Sam2VideoModel,
        Sam2VideoProcessor,
        Sam2VideoVideoProcessor,
    )

    theirs = Sam2VideoModel(Sam2VideoConfig()).eval().to(device)
    state = model.state_dict()
    kinds = [f"prompt_encoder.point_embeddings.{kind}.weight" for kind in range(4)]
    renamed = {huggingface_name(n): t for n, t in state.items() if n not in kinds}
    renamed["prompt_encoder.point_embed.weight"] = torch.cat([state[kind] for kind in kinds])
    missing, surplus = theirs.load_state_dict(renamed, strict=False)
    if surplus or set(missing) - {
        "no_memory_positional_encoding",
        "shared_image_embedding.positional_embedding",
    }:
        raise SystemExit(f"transformers' weights differ: {missing} {surplus}")
    processor = Sam2VideoProcessor(Sam2ImageProcessorFast(), Sam2VideoVideoProcessor())
    session = processor.init_video_session(
        video=[frame.image for frame in frames], inference_device=device
    )
    processor.add_inputs_to_inference_session(
        session,
        frame_idx=0,
        obj_ids=list(range(1, objects + 1)),
        input_boxes=[[list(map(float, box)) for box in BOXES[:objects]]],
    )
    for output in theirs.propagate_in_video_iterator(session, start_frame_idx=0):
        processor.post_process_masks([output.pred_masks], [list(frames[0].size)])
        yield


TRACKERS = {"ours": ours, "sam2": official, "transformers": huggingface}


def compare(names: list[str], frames: range, objects: int, device: str) -> None:
    """Let the trackers take turns over ``frames.stop`` frames, time those in ``frames``, print."""
    torch.manual_seed(0)
    model = SAM2(find_variant(MODEL)).eval()
    video = list(SyntheticVideo((480, 854), frames.stop, seed=0))
    turns = {name: TRACKERS[name](model, video, objects, device) for name in names}
    seconds: dict[str, list[float]] = {name: [] for name in names}
    with torch.inference_mode():
        for frame in range(frames.stop):
            for name, tracker in turns.items():
                start = time.perf_counter()
                next(tracker)
                if device.startswith("cuda"):
                    torch.cuda.synchronize()
                if frame in frames:
                    seconds[name].append(time.perf_counter() - start)
    for name, times in seconds.items():
        ratios = [mine / other for mine, other in zip(seconds["ours"], times, strict=True)]
        print(
            f"{MODEL}, {objects} object(s), {name}: {statistics.median(times):.3f} s a frame, "
            f"ours / {name} = {statistics.median(ratios):.2f} "
            f"({min(ratios):.2f} to {max(ratios):.2f})",
            flush=True,
        )


def end_to_end(frames: int, objects: int, settings: list[str]) -> None:
    """Run the command on a file; its last line says how fast it was."""
    import av

    with tempfile.TemporaryDirectory() as folder:
        path, prompts = Path(folder) / "clip.mp4", Path(folder) / "prompts.json"
        source = SyntheticVideo((480, 854), frames, objects=objects, seed=0)
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=24)
            stream.width, stream.height, stream.pix_fmt = 854, 480, "yuv420p"
            for frame in source:
                container.mux(
                    stream.encode(av.VideoFrame.from_ndarray(frame.image, format="rgb24"))
                )
            container.mux(stream.encode())
        boxes = [mask_box(source.mask(0) == number) for number in range(1, objects + 1)]
        if None in boxes:
            raise SystemExit(f"--objects {objects}: some are hidden at first; give fewer")
        placed = [{"object": number, "box": box} for number, box in enumerate(boxes, 1)]
        prompts.write_text(json.dumps(placed), encoding="utf-8")
        command = [sys.executable, "-m", "sam2track", "track", f"video={path}"]
        subprocess.run([*command, f"prompts={prompts}", f"out={folder}/out", *settings], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--frames", type=int, default=12, help="frames that are timed")
    parser.add_argument("--warm-up", type=int, default=8, help="frames before; 8 fill the memory")
    parser.add_argument("--objects", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--trackers", nargs="+", default=list(TRACKERS), choices=TRACKERS)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--end-to-end", action="store_true")
    parser.add_argument("settings", nargs="*", help="for --end-to-end, such as checkpoint=PATH")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.end_to_end:
        for objects in options.objects:
            end_to_end(max(options.frames, 300), objects, options.settings)
        return
    if max(options.objects) > len(BOXES):
        parser.error(f"--objects: up to {len(BOXES)}, or more with --end-to-end")
    print(f"torch {torch.__version__}, {options.device}, {options.threads} threads, fp32")
    for objects in options.objects:
        frames = range(options.warm_up, options.warm_up + options.frames)
        compare(options.trackers, frames, objects, options.device)


if __name__ == "__main__":
    main()
