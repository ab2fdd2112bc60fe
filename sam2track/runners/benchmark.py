"""``sam2track benchmark``: a dataset in, masks, scores and a report out.

Sequences that are finished stay finished; broken ones are named at the end and take no other with
them.
"""

from __future__ import annotations

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

from ..benchmark.boxes import BoxRule, pooled
from ..benchmark.cases import worst_cases
from ..benchmark.compare import load_run, write_comparison
from ..benchmark.datasets import BoxDataset, Dataset, OpenDataset
from ..benchmark.engine_table import engine_table
from ..benchmark.files import record_path, write_json
from ..benchmark.layouts import pack
from ..benchmark.pool import spread
from ..benchmark.report import write_report
from ..benchmark.results import Record, measures_of_dataset, objects_csv, summarise, table
from ..benchmark.work import Task
from ..files import has_jinja, hash_file, require_jinja, write_text
from ..model.weights import packaged_weights
from . import RunFailed
from .compose import flat, plain
from .output import locked, other_files, write_settings
from .tracker import make_tracker

IDENTITY = "identity.json"
# Settings that change no result.
FREE = ("out", "compare", "report", "zip", "workers", "device", "checkpoint",
        "dataset.names", "dataset.draws", "dataset.root")  # fmt: skip


def run(config: DictConfig) -> None:
    """Track, write, score and report a dataset; ``config`` is ``configs/benchmark.yaml``.

    Raises:
        ValueError, OSError: bad input; nothing was written.
        RunFailed: sequences are broken; the message names them, the results are of the others.
        KeyboardInterrupt: the user broke it off; what is finished stays.
    """
    if config.report:
        require_jinja()
    if config.compare is not None:
        folders = _runs([str(folder) for folder in config.compare])
        _compare(folders, Path(config.out or "outputs/comparison"), page=config.report)
        return
    _check_settings(config)
    open_dataset: OpenDataset = instantiate(config.dataset, _partial_=True, _convert_="all")
    dataset = open_dataset()
    if config.protocol != "semi" and (isinstance(dataset, BoxDataset) or not dataset.has_truth):
        raise ValueError(f"protocol={config.protocol}: {dataset.name} has no public masks to click")
    out = Path(config.out or f"outputs/{dataset.name}").expanduser()
    with locked(out):
        _run(config, open_dataset, dataset, out)


def _runs(names: Sequence[str]) -> dict[str, Path]:
    """The folders of runs, by their names; a folder that is named alone may be that of a sweep."""
    if not names:
        raise ValueError("compare= names no runs; give their folders, or that of a sweep")
    folders = {name: Path(name).expanduser() for name in names}
    if len(names) == 1 and not (folders[names[0]] / "results.json").is_file():
        inside = sorted(found.parent for found in folders[names[0]].glob("*/results.json"))
        return {folder.name: folder for folder in inside} or folders
    return folders


def _run(
    config: DictConfig, open_dataset: OpenDataset, dataset: Dataset | BoxDataset, out: Path
) -> None:
    """Track and score what is not finished in ``out``."""
    _claim(out, config)
    task = Task(
        open_dataset,
        make_tracker(config),
        protocol=config.protocol,
        prompt=config.prompt,
        rounds=config.rounds,
        out=out,
        boxes=BoxRule(config.box_margins, config.box_trim),
    )
    names = [sequence.name for sequence in dataset.sequences]
    broken = _track(task, names, config)
    count = _conclude(config, dataset, out, broken)
    print(f"{count} {'sequence' if count == 1 else 'sequences'}: {out}")
    if broken:
        named = "; ".join(f"{name}: {error}" for name, error in broken.items())
        raise RunFailed(f"{len(broken)} of {len(names)} sequences broken: {named}")


def _check_settings(config: DictConfig) -> None:
    """Refuse what no single value shows."""
    if OmegaConf.is_missing(config.dataset, "root"):
        raise ValueError("dataset.root= is missing: the folder that holds the dataset")
    if config.protocol != "semi" and config.memory.get("lag", 0) != 0:
        raise ValueError(
            f"protocol={config.protocol}: a user waits for no late result; give memory.lag=0"
        )
    if config.protocol == "engine" and config.tracker != "session":
        raise ValueError(
            f"protocol=engine, tracker={config.tracker}: only tracker=session takes clicks"
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
    elif other_files(out):
        raise ValueError(f"out={out} holds other files and no earlier run; give a new folder")
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
        settings["weights' SHA-256"] = hash_file(Path(weights)).hexdigest()[:16]
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
        done = sum(record_path(task.out, name).is_file() for name in names)
        raise type(stop)(
            f"interrupted; {done} of {len(names)} sequences are finished in {task.out}, and the "
            "same command goes on from there"
        ) from None
    return broken


def _devices(device: Any) -> list[str]:
    if not isinstance(device, str):
        return [str(name) for name in device]
    if device == "auto":
        count = torch.cuda.device_count()
        return [f"cuda:{index}" for index in range(count)] or ["cpu"]
    return [device]


def _conclude(
    config: DictConfig, dataset: Dataset | BoxDataset, out: Path, broken: dict[str, str]
) -> int:
    """Write the tables, the zip and the report, and print a table; the number of sequences."""
    records: list[Record] = [
        json.loads(record_path(out, sequence.name).read_text(encoding="utf-8"))
        for sequence in dataset.sequences
        if sequence.name not in broken
    ]
    boxes = isinstance(dataset, BoxDataset)
    about = {"dataset": dataset.name, "method": describe_run(config)}
    results: dict[str, Any] = about | summarise(
        records, broken, pooled(dataset, records) if boxes else {}
    )
    write_json(out / "results.json", results)
    write_text(out / "objects.csv", objects_csv(records))
    print(table(results))
    if "engine" in results:
        print(engine_table(results["engine"]))
    kind = "boxes" if boxes else "masks"
    if config.zip or (config.zip is None and not dataset.has_truth):
        done = [record["sequence"] for record in records]
        pack(out / kind, done, out / f"{kind}.zip")
    if config.report:
        caution = ""
        if not boxes and (config.protocol, config.prompt) != ("semi", "mask"):
            caution = (
                "The published trackers were given the first mask of every object and no more."
            )
        lead = "AUC" if boxes else measures_of_dataset(dataset.name)[0]
        cases = worst_cases(dataset, out, records, lead)
        settings = OmegaConf.to_yaml(config)
        page = out / "report.html"
        write_report(page, records, results, cases, settings=settings, caution=caution)
    return len(records)


def compare_runs(folders: Mapping[str, Path], out: Path) -> None:
    """At the end of a sweep, compare what can be: the runs of each dataset that have scores."""
    by_dataset: dict[str, dict[str, Path]] = {}
    for name, folder in folders.items():
        if not (folder / "results.json").is_file():  # it failed
            continue
        results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        if any(row["objects"] for row in results["sequences"].values()):
            by_dataset.setdefault(results["dataset"], {})[name] = folder
    for dataset, found in by_dataset.items():
        if len(found) > 1:
            where = out if len(by_dataset) == 1 else out / dataset
            _compare(found, where, page=has_jinja())


def _compare(folders: Mapping[str, Path], out: Path, *, page: bool) -> None:
    """Compare finished runs, by name, with the first of them."""
    runs = [load_run(folder, name) for name, folder in folders.items()]
    print(write_comparison(out, runs, page=page))
    print(f"comparison of {len(runs)} runs: {out}")


def describe_run(config: DictConfig) -> str:
    """What tracks, in a few words."""
    if config.tracker != "session":
        return {"copy": "First mask, copied", "flow": "First mask, by optical flow"}[config.tracker]
    memory = config.memory.get("_target_", "").rpartition(".")[2]
    memory = memory.removesuffix("Memory").removesuffix("Settings").lower()
    interactive = {"engine": "data engine, simulated"}.get(
        config.protocol, config.protocol.replace("_", " ")
    )
    what = config.prompt if config.protocol == "semi" else interactive
    return f"{config.model}, {memory}, {what}"
