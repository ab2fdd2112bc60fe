"""Follow one object through a video with NumPy and ONNX Runtime; nothing of sam2track is imported.

    sam2track convert model=nano to=onnx out=nano_onnx
    python scripts/onnx_example.py nano_onnx clip.mp4 320 240 masks

Needs numpy, onnxruntime and, to read the video, av. (320, 240) is a click on the object in the
first frame. Writes masks/00000.pgm, ...: 255 on the object. docs/export.md explains the graphs.
"""

import json
import sys
from collections import deque
from pathlib import Path

import av
import numpy as np
import onnxruntime


def resize(x: np.ndarray, length: int) -> np.ndarray:
    """Resize the first axis by linear interpolation."""
    place = ((np.arange(length) + 0.5) * len(x) / length - 0.5).clip(0, len(x) - 1)
    first = place.astype(int)
    return x[first] + (place - first)[:, None] * (x[(first + 1).clip(max=len(x) - 1)] - x[first])


def main(folder: str, video: str, x: str, y: str, out: str) -> None:
    about = json.loads(Path(folder, "model.json").read_text())
    side, span, slot = about["image_size"], about["span"], about["anchor_slot"]
    graphs = about["graphs"]
    sessions = {k: onnxruntime.InferenceSession(Path(folder, g["file"])) for k, g in graphs.items()}

    def run(name: str, **given) -> dict:
        fed = {}
        for key, value in graphs[name]["inputs"].items():
            array, shape = np.asarray(given[key], value["dtype"]), value["shape"]
            if len(shape) > 1 and isinstance(shape[1], int) and array.shape[1] < shape[1]:
                # The shape is fixed: the rest is masked, or marked as not there.
                filling = -np.inf if key.endswith("_mask") else -2 if key == "labels" else 0
                lacking = [(0, 0), (0, shape[1] - array.shape[1]), *[(0, 0)] * (array.ndim - 2)]
                array = np.pad(array, lacking, constant_values=filling)
            fed[key] = array
        return dict(zip(graphs[name]["outputs"], sessions[name].run(None, fed), strict=True))

    Path(out).mkdir(parents=True, exist_ok=True)
    anchor, recent = None, deque(maxlen=span - 1)  # each a memory and a pointer, the newest first
    for index, frame in enumerate(av.open(video).decode(video=0)):
        small = frame.reformat(side, side, "rgb24", interpolation="BICUBIC").to_ndarray()
        image = (small / 255 - about["mean"]) / about["std"]
        features = run("image_encoder", image=image.transpose(2, 0, 1)[None])
        stride16 = features["stride16"]
        if anchor is None:  # the click
            conditioned = stride16 + np.float32(about["no_memory"])[:, None, None]
            point, label = [float(x) * side / frame.width, float(y) * side / frame.height], 1
        else:
            near = [*recent][:slot]  # as many as there are temporal embeddings
            memories = [anchor[0], *(memory for memory, _ in near)]
            pointers = [anchor[1], *(pointer for _, pointer in recent)]
            ago = np.array([index, *range(1, len(recent) + 1)])
            conditioned = run(
                "memory_attention", stride16=stride16, memories=[memories],
                slots=[[slot, *range(len(near))]], weights=np.ones((1, len(memories))),
                memory_mask=np.zeros((1, len(memories))), pointers=[pointers],
                distances=[ago / (span - 1)], pointer_mask=np.zeros((1, len(pointers))),
            )["conditioned"]  # fmt: skip
            point, label = [0, 0], -1  # no prompt
        low = 4 * stride16.shape[-1]
        found = run(
            "mask_decoder", conditioned=conditioned, coords=[[point]], labels=[[label]],
            mask=np.zeros((1, 1, low, low)), mask_given=[0], **features,
        )  # fmt: skip
        best = 1 + found["scores"][0, 1:].argmax()  # mask 0 is for several clicks or a box
        logits, pointer = found["masks"][:, [best]], found["pointers"][0, best]
        if found["presence"][0, 0] <= 0:
            logits, pointer = np.full_like(logits, about["absent_logit"]), about["no_pointer"]
        memory = run(
            "memory_encoder", stride16=stride16, logits=logits, presence=found["presence"],
            from_prompt=[anchor is None],
        )["memory"][0]  # fmt: skip
        if anchor is None:
            anchor = memory, pointer
        else:
            recent.appendleft((memory, pointer))
        mask = resize(resize(logits[0, 0], frame.height).T, frame.width).T > 0
        header = f"P5 {frame.width} {frame.height} 255\n".encode()
        Path(out, f"{index:05}.pgm").write_bytes(header + (255 * mask.astype(np.uint8)).tobytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
