"""``python -m sam2track.integrations.label_studio --root DIR``: starts the backend."""

from __future__ import annotations

import argparse
import os
import sys


def main(arguments: list[str] | None = None) -> None:
    """Parse the arguments, load the model, and serve until the process is ended."""
    parser = argparse.ArgumentParser(
        prog="python -m sam2track.integrations.label_studio",
        description="A machine learning backend for Label Studio. It has no password: "
        "keep it on this machine, or in a network that you trust.",
    )
    parser.add_argument("--root", required=True, help="the folder that holds the tasks' files")
    parser.add_argument("--model", default="nano", help="nano, sam2.1_hiera_tiny, ...")
    parser.add_argument("--checkpoint", help="a file with the model's weights")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, default=9090)
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="HOST[:PORT]",
        help="fetch files of tasks from this host too, with the token in LABEL_STUDIO_API_KEY if "
        "that is set; may be given several times",
    )
    parser.add_argument(
        "--max-frames", type=int, help="how far to track after the last key frame; default: all"
    )
    given = parser.parse_args(arguments)
    if given.max_frames is not None and given.max_frames < 1:
        parser.error(f"--max-frames {given.max_frames}: give a whole number from 1")
    try:
        import uvicorn

        from . import Backend, TaskFiles, guarded, make_app
    except ImportError as error:
        sys.exit(f"error: {error}; pip install 'sam2track[serve]'")
    from ...model import load_model

    try:
        files = TaskFiles(given.root, given.allow_host, os.environ.get("LABEL_STUDIO_API_KEY", ""))
        model = load_model(given.model, given.checkpoint, device=given.device)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    backend = Backend(model, files, name=given.model, max_frames=given.max_frames)
    app = guarded(make_app(backend), given.host)
    uvicorn.run(app, host=given.host, port=given.port, log_level="info")


if __name__ == "__main__":
    main()
