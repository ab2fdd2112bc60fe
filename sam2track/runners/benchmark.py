"""``sam2track benchmark``: a dataset in, masks, scores and a report out.

The data flow: configuration -> dataset and tracker -> processes -> records -> results. Sequences
that are finished stay finished; broken ones are named at the end and take no other with them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from tqdm import tqdm

from ..benchmark.boxes import pooled
from ..benchmark.cases import worst_cases
from ..benchmark.compare import load_run, write_comparison
from ..benchmark.datasets import BoxDataset, Dataset, OpenDataset
from ..benchmark.files import record_path, write_json
from ..benchmark.layouts import pack
from ..benchmark.pool import spread
from ..benchmark.protocols import PROTOCOLS
from ..benchmark.report import Subject, has_jinja, require_jinja, write_report
from ..benchmark.results import MASK_MEASURES, MEASURES, Record, objects_csv, summarise, table
from ..benchmark.trackers import TRACKERS, Tracker
from ..benchmark.work import Task
from ..files import write_text
from ..model.weights import packaged_weights
from ..prompts.simulated_user import PROMPTS
from ..track import Rendering
from . import RunFailed
from .compose import check_sharpen, flat, plain
from .output import write_settings

IDENTITY = "identity.json"
# Settings that change no result.
FREE = (
    "out",
    "compare",
    "report",
    "zip",
    "workers",
    "device",
    "dataset.names",
    "dataset.draws",
    "dataset.root",
    "checkpoint",
)


def run(config: DictConfig) -> None:
    """Track, write, score and report a dataset.

    Args:
        config: ``configs/benchmark.yaml``, composed.

    Raises:
        ValueError, OSError: bad input; nothing was written.
        RunFailed: sequences are broken; the message names them, and the results are those of the
            others.
        KeyboardInterrupt: the user broke it off; what is finished stays.
    """
    if config.report:
        require_jinja()
    if config.compare is not None:
        folders = {str(folder): Path(folder) for folder in config.compare}
        _compare(folders, Path(config.out or "outputs/comparison"), page=config.report)
        return
    _check_settings(config)
    open_dataset: OpenDataset = instantiate(config.dataset, _partial_=True, _convert_="all")
    dataset = open_dataset()
    if config.protocol != "semi" and (isinstance(dataset, BoxDataset) or not dataset.has_truth):
        raise ValueError(f"protocol={config.protocol}: {dataset.name} has no public masks to click")
    out = Path(config.out or f"outputs/{dataset.name}").expanduser()
    _claim(out, config)
    task = Task(open_dataset, _tracker(config), config.protocol, config.prompt, config.rounds, out)
    names = [sequence.name for sequence in dataset.sequences]
    broken = _track(task, names, config)
    records = _conclude(config, dataset, out, broken)
    done = [record["sequence"] for record in records]
    kind = "boxes" if isinstance(dataset, BoxDataset) else "masks"
    if config.zip or (config.zip is None and not dataset.has_truth):
        pack(out / kind, done, out / f"{kind}.zip")
    if config.report:
        _report(config, dataset, out, records)
    print(f"{len(records)} sequences: {out}")
    if broken:
        named = "; ".join(f"{name}: {error}" for name, error in broken.items())
        raise RunFailed(f"{len(broken)} of {len(names)} sequences broken: {named}")


def _check_settings(config: DictConfig) -> None:
    """Refuse what composing takes: it knows the kind of an option by its default alone."""
    if OmegaConf.is_missing(config.dataset, "root"):
        raise ValueError("dataset.root= is missing: the folder that holds the dataset")
    if config.tracker not in TRACKERS:
        raise ValueError(f"tracker={config.tracker}: choose one of {', '.join(TRACKERS)}")
    if config.prompt not in PROMPTS:
        raise ValueError(f"prompt={config.prompt}: choose one of {', '.join(PROMPTS)}")
    if config.protocol not in PROTOCOLS:
        raise ValueError(f"protocol={config.protocol}: choose one of {', '.join(PROTOCOLS)}")
    if config.protocol != "semi" and config.memory.get("lag", 0) != 0:
        raise ValueError(
            f"protocol={config.protocol}: a user waits for no late result; give memory.lag=0"
        )
    if config.rounds < 1:
        raise ValueError(f"rounds={config.rounds}: must be a whole number from 1")
    if config.workers < 0:
        raise ValueError(f"workers={config.workers}: must be a whole number from 0")
    check_sharpen(config.sharpen)


def _tracker(config: DictConfig) -> Tracker:
    return Tracker(
        kind=config.tracker,
        model=config.model,
        checkpoint=config.checkpoint,
        precision=config.precision,
        compile=config.compile,
        memory=instantiate(config.memory, _convert_="all"),
        rendering=Rendering(
            fill_hole_area=config.fill_hole_area,
            remove_specks=config.remove_specks,
            sharpen=config.sharpen,
        ),
        zoom=config.zoom,
        stability_delta=config.stability_delta,
        stability_threshold=config.stability_threshold,
    )


def _claim(out: Path, config: DictConfig) -> None:
    """Make the folder, or go on with the run that is there, if it is the same.

    Raises:
        ValueError: if it is another run, or there are other files.
    """
    identity = _identity(config)
    if (out / IDENTITY).is_file():
        earlier = json.loads((out / IDENTITY).read_text())
        differences = [
            f"{key} was {json.dumps(earlier.get(key))}, now {json.dumps(identity.get(key))}"
            for key in sorted(earlier.keys() | identity.keys())
            if earlier.get(key) != identity.get(key)
        ]
        if differences:
            raise ValueError(
                f"out={out} holds another run: {'; '.join(differences)}; give a new folder"
            )
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"out={out} holds other files and no earlier run; give a new folder")
    out.mkdir(parents=True, exist_ok=True)
    for part in (*out.glob(".*.part"), *out.glob("*/.*.part")):  # of a run that was killed
        shutil.rmtree(part) if part.is_dir() else part.unlink()
    write_json(out / IDENTITY, identity)
    write_settings(out, config)


def _identity(config: DictConfig) -> dict[str, Any]:
    """All settings that results depend on, by their full names, and which weights they are of."""
    settings = flat(plain(config))
    for key in FREE:
        settings.pop(key, None)
    weights = config.checkpoint or packaged_weights(config.model)
    if weights is not None:
        digest = hashlib.sha256()
        with open(weights, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        settings["weights' SHA-256"] = digest.hexdigest()[:16]
    return settings


def _track(task: Task, names: Sequence[str], config: DictConfig) -> dict[str, str]:
    """Run what is not finished; what went wrong, by sequence."""
    todo = [name for name in names if not record_path(task.out, name).is_file()]
    devices = _devices(config.device)
    threads = max(1, torch.get_num_threads() // max(len(devices) * config.workers, 1))
    broken = {}
    bar = tqdm(total=len(names), initial=len(names) - len(todo), unit=" sequences", disable=None)
    run = spread(task.prepare, todo, devices, workers=config.workers, threads=threads)
    try:
        with bar, closing(run):
            for outcome in run:
                bar.update()
                bar.set_postfix_str(outcome.item)
                if outcome.error is not None:
                    broken[outcome.item] = outcome.error
                    bar.write(f"broken: {outcome.item}: {outcome.error}", file=sys.stderr)
    except KeyboardInterrupt as stop:  # or what SIGTERM makes of it
        raise type(stop)(
            f"interrupted; {bar.n} of {len(names)} sequences are finished in {task.out}, and the "
            "same command goes on from there"
        ) from None
    return broken


def _devices(device: Any) -> list[str]:
    """The devices that are meant."""
    if not isinstance(device, str):
        return [str(name) for name in device]
    if device == "auto":
        count = torch.cuda.device_count()
        return [f"cuda:{index}" for index in range(count)] or ["cpu"]
    return [device]


def _conclude(
    config: DictConfig, dataset: Dataset | BoxDataset, out: Path, broken: dict[str, str]
) -> list[Record]:
    """Put the records together, write the tables and print one."""
    records: list[Record] = [
        json.loads(record_path(out, sequence.name).read_text(encoding="utf-8"))
        for sequence in dataset.sequences
        if sequence.name not in broken
    ]
    more = pooled(dataset, records) if isinstance(dataset, BoxDataset) else {}
    about = {"dataset": dataset.name, "method": describe_run(config)}
    results = about | summarise(records, broken, more)
    write_json(out / "results.json", results)
    write_text(out / "objects.csv", objects_csv(records))
    print(table(results, MEASURES.get(dataset.name, MASK_MEASURES)))
    return records


def _report(
    config: DictConfig, dataset: Dataset | BoxDataset, out: Path, records: list[Record]
) -> None:
    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    measures = MEASURES.get(dataset.name, MASK_MEASURES)
    caution = ""
    if not isinstance(dataset, BoxDataset) and (config.protocol, config.prompt) != ("semi", "mask"):
        caution = "The published trackers were given the first mask of every object and no more."
    settings = OmegaConf.to_yaml(config)
    subject = Subject(dataset.name, results["method"], settings, measures, caution)
    lead = "AUC" if isinstance(dataset, BoxDataset) else measures[0]
    cases = worst_cases(dataset, out, records, lead)
    write_report(out / "report.html", subject, records, results, cases)


def compare_runs(folders: Mapping[str, Path], out: Path) -> None:
    """At the end of a sweep, compare what can be: the runs of each dataset that have scores."""
    by_dataset: dict[str, dict[str, Path]] = {}
    for name, folder in folders.items():
        results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        if any(row["objects"] for row in results["sequences"].values()):
            by_dataset.setdefault(results["dataset"], {})[name] = folder
    for dataset, found in by_dataset.items():
        if len(found) > 1:
            where = out if len(by_dataset) == 1 else out / dataset
            _compare(found, where, page=has_jinja())


def _compare(folders: Mapping[str, Path], out: Path, *, page: bool) -> None:
    """Compare finished runs, by name, with the first of them.

    Raises:
        ValueError: if one is not finished, or they cannot be compared.
    """
    runs = [load_run(folder, name) for name, folder in folders.items()]
    print(write_comparison(out, runs, page=page))
    print(f"comparison of {len(runs)} runs: {out}")


def describe_run(config: DictConfig) -> str:
    """What tracks, in a few words."""
    if config.tracker != "session":
        return {"copy": "First mask, copied", "flow": "First mask, by optical flow"}[config.tracker]
    memory = config.memory.get("_target_", "").rpartition(".")[2]
    memory = memory.removesuffix("Memory").removesuffix("Settings").lower()
    what = config.prompt if config.protocol == "semi" else config.protocol.replace("_", " ")
    return f"{config.model}, {memory}, {what}"
