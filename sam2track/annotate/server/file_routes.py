"""Files in and out: videos by path or upload, export, import."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi import Path as PathPart
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from ...video import PICTURE_SUFFIXES, VIDEO_SUFFIXES, VideoError, is_stack
from ..exchange import FORMATS, read, write
from ..project import Project
from ..tracks import Annotations, VideoTracks, area_of
from ..transfer import add_annotations, annotations_of, exchanged_video
from .asking import REFUSALS, Asked, By, VideoId
from .bodies import ExportIn, PathIn
from .long_work import new_id
from .reading import video_out
from .security import Refused
from .service import Caller, NotFound, Service
from .shapes import AddedOut, Done, ExportOut, FileOut, FolderOut, ImportOut
from .uploads import ANNOTATION_SUFFIXES, free_place, receive_file, safe_name, unpack

router = APIRouter(prefix="/api", tags=["files"], responses=REFUSALS)
MOST_LISTED = 200  # files of an export that are listed beside its archive
MOST_EXPORTS = 8  # that are kept until the server ends
_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
FileName = Annotated[str, Query(min_length=1, max_length=300, description="The file's name.")]


@router.get("/folders")
def list_folders(service: Asked) -> list[FolderOut]:
    """The folders from which videos may be added, and the videos in them."""
    found = []
    for folder in service.folders:
        inside = sorted(folder.iterdir()) if folder.is_dir() else []
        names = [
            own.name
            for own in inside
            if own.suffix.lower() in VIDEO_SUFFIXES
            # A TIFF file of one page is a picture, such as labels.
            and (own.suffix.lower() not in PICTURE_SUFFIXES or is_stack(own))
        ]
        found.append(FolderOut(path=str(folder), files=names[:2000]))
    return found


@router.post("/videos", tags=["videos"])
def add_video(service: Asked, caller: By, given: PathIn) -> AddedOut:
    """Add a video by its path, which must lie in one of the folders that are served."""
    path = Path(given.path)
    if "\0" in given.path:
        raise ValueError("the path holds a zero byte; give the path of a video")
    place = (path if path.is_absolute() else service.folders[0] / path).resolve()
    if not any(place.is_relative_to(folder) for folder in service.folders):
        raise Refused(
            403, f"{given.path[:200]!r} lies in no folder that is served; start with folders=[...]"
        )
    return _add(service, caller, place)


@router.delete("/videos/{video_id}", tags=["videos"])
def remove_video(service: Asked, caller: By, video_id: VideoId) -> Done:
    """Take a video out of the project, such as one whose file is gone; no file is deleted. Added
    again, it has its annotations."""
    if service.known(caller) is not None:
        return Done()
    video = service.video(video_id)
    service.check_idle(video)
    service.change(caller, video, "remove video", lambda project: project.remove_video(video.id))
    service.leases.give_back(video.id, caller.client)
    service.events.publish("changed", video=None, what="remove video", who=caller.who)
    return Done()


@router.post("/uploads", tags=["videos"], openapi_extra=_BODY)
async def upload_video(request: Request, service: Asked, caller: By, name: FileName) -> AddedOut:
    """Add a video that is the body of this request; it is kept in the project's folder."""
    chosen = safe_name(name, VIDEO_SUFFIXES, "video")
    folder = service.base.folder / "videos"
    temporary = folder / f".{new_id()}.part"
    await receive_file(request.stream(), temporary, service.limits.video)

    def keep() -> AddedOut:
        place = free_place(folder, chosen)
        temporary.rename(place)
        try:
            added = _add(service, caller, place)
        except VideoError as error:
            place.unlink(missing_ok=True)
            raise VideoError(str(error).replace(str(place), chosen)) from error
        except BaseException:
            place.unlink(missing_ok=True)
            raise
        if added.status == "copy":
            place.unlink(missing_ok=True)
        return added

    return await run_in_threadpool(keep)


@router.post("/exports")
def export(service: Asked, caller: By, given: ExportIn) -> ExportOut:
    """Write annotations in the format of another tool; the files are kept for download.

    What was rejected in review is left out.
    """
    if given.format not in FORMATS:
        raise ValueError(f"no format {given.format!r}; there are: {', '.join(FORMATS)}")
    names = None
    if given.videos is not None:
        names = [service.video(own).name for own in given.videos]
    export_id = new_id()
    root = service.scratch / f"export-{export_id}"
    root.mkdir(parents=True)
    out = root / f"{service.base.folder.absolute().name}_{given.format}"
    try:
        annotations, left_out = annotations_of(service.base, names)
        counted = [0, 0]
        losses = write(
            given.format,
            Annotations(annotations.classes, _counted(annotations, given, counted)),
            out,
            frames=given.frames,
            classes=given.classes,
            images=given.images,
        )
        archive = _pack(out)
    except BaseException:
        shutil.rmtree(root, ignore_errors=True)
        raise
    notes = [loss.told(given.format) for loss in losses]
    if left_out:
        notes.append(f"left out: {left_out} rejected in review")
    plain = sorted(own for own in out.rglob("*") if own.is_file())
    files = [archive, *plain] if len(plain) <= MOST_LISTED else [archive]
    service.exports[export_id] = {own.relative_to(root).as_posix(): own for own in files}
    while len(service.exports) > MOST_EXPORTS:
        oldest = next(iter(service.exports))
        service.exports.pop(oldest)
        shutil.rmtree(service.scratch / f"export-{oldest}", ignore_errors=True)
    listed = [
        FileOut(name=name, size=own.stat().st_size)
        for name, own in service.exports[export_id].items()
    ]
    return ExportOut(id=export_id, files=listed, notes=notes, objects=counted[0], frames=counted[1])


@router.get("/exports/{export_id}/{file:path}", response_class=FileResponse)
def download(
    service: Asked,
    export_id: Annotated[str, PathPart(pattern=r"^[0-9a-f]{16}$")],
    file: Annotated[str, PathPart(max_length=1000)],
) -> FileResponse:
    """A file of an export, by the name that the export told."""
    place = service.exports.get(export_id, {}).get(file)
    if place is None or not place.is_file():
        raise NotFound("there is no such file of an export; export again")
    return FileResponse(
        place,
        media_type="application/octet-stream",
        filename=place.name,
        content_disposition_type="attachment",
    )


@router.post("/imports", openapi_extra=_BODY)
async def import_file(
    request: Request,
    service: Asked,
    caller: By,
    name: FileName,
    format: Annotated[str, Query(max_length=40)],
    objects: Literal["new", "same"] = "new",
) -> ImportOut:
    """Read annotations that are the body of this request: a file, or a zip file of a folder.

    All of it is taken, or nothing. The videos must be in the project, under the same names.
    """
    chosen = safe_name(name, ANNOTATION_SUFFIXES, "file of annotations")
    with tempfile.TemporaryDirectory(dir=service.scratch, prefix="import-") as folder:
        place = Path(folder) / chosen
        await receive_file(request.stream(), place, service.limits.annotations)

        def take() -> ImportOut:
            path = unpack(place, Path(folder) / "unpacked") if place.suffix == ".zip" else place
            return _import(service, caller, path, format, same=objects == "same")

        return await run_in_threadpool(take)


def _import(service: Service, caller: Caller, path: Path, format: str, *, same: bool) -> ImportOut:
    base = service.base
    service.check_leases(caller, base.videos(), "import later")
    videos = [exchanged_video(base, video) for video in base.videos()]
    if not videos:
        raise ValueError("the project has no videos; add those that the file is about")
    try:
        annotations, losses = read(format, path, videos=videos, classes=base.classes())
    except ValueError as error:  # it names the temporary file
        raise ValueError(str(error).replace(f"{path.parent}/", "")) from None

    def work(project: Project) -> ImportOut:
        added = add_annotations(project, annotations, source=path.name, same=same)
        notes = [f"not taken: {loss}" for loss in losses]
        if added.boxes:
            notes.append(f"not taken: {added.boxes} boxes without a mask")
        return ImportOut.model_validate(asdict(added) | {"notes": notes})

    return ImportOut.model_validate(service.change(caller, None, "import", work))


def _add(service: Service, caller: Caller, place: Path) -> AddedOut:
    try:

        def work(project: Project) -> dict[str, Any]:
            (added,) = project.add_videos([place])
            return {"id": added.video.id, "status": added.status}

        answer = service.change(caller, None, "add video", work)
    except IsADirectoryError as error:
        raise VideoError(f"{place} cannot be read: {error.strerror}") from error
    video = service.video(answer["id"])
    return AddedOut.model_validate(
        {"status": answer["status"], "video": video_out(service, caller, video)}
    )


def _counted(
    annotations: Annotations, given: ExportIn, counted: list[int]
) -> Iterator[VideoTracks]:
    """Videos as they are read; counts objects and frames of the choice that have a mask."""
    names = given.classes
    wanted = {own.id for own in annotations.classes if names is None or own.name in names}
    every = int(given.frames[6:]) if given.frames.startswith("every ") else 1
    for own in annotations.videos:
        chosen = own.accepted if given.frames == "accepted" else range(0, own.video.length, every)
        shown = [
            {
                index
                for index, one in track.frames.items()
                if index in chosen and area_of(one.counts or "", own.video.size)
            }
            for track in own.tracks
            if track.class_id in wanted
        ]
        counted[0] += sum(map(bool, shown))
        counted[1] += len(set().union(*shown))
        yield own


def _pack(folder: Path) -> Path:
    """The files of a folder as one archive beside it."""
    archive = folder.with_name(f"{folder.name}.zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as packed:
        for own in sorted(folder.rglob("*")):
            if own.is_file():
                packed.write(own, own.relative_to(folder.parent))
    return archive
