"""What every request brings: the service, the caller, and its video or object."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import Depends, Header, Path, Query, Request

from .bodies import MOST
from .service import Caller, OtherProject, Service
from .shapes import Problem

REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "It does not fit; the sentence says why."},
    401: {"model": Problem, "description": "The token is missing or wrong."},
    403: {"model": Problem, "description": "From another site, or a path that is not served."},
    404: {"model": Problem, "description": "There is no such thing."},
    409: {"model": Problem, "description": "Others annotate this video; or not this project."},
    413: {"model": Problem, "description": "The body is too large."},
    415: {"model": Problem, "description": "The body is of another kind."},
    422: {"model": Problem, "description": "A field is missing or has a wrong value."},
    503: {"model": Problem, "description": "The model could not be loaded."},
}

VideoId = Annotated[int, Path(ge=1, le=MOST, description="A video's id in the project.")]
ObjectId = Annotated[int, Path(ge=1, le=MOST, description="An object's id in the project.")]
FramePath = Annotated[int, Path(ge=0, le=MOST, description="A frame, from 0.")]
Start = Annotated[int, Query(ge=0, le=MOST, description="The first frame.")]
Stop = Annotated[int | None, Query(ge=0, le=MOST, description="The frame after the last.")]
Objects = Annotated[
    str | None,
    Query(pattern=r"^\d{1,9}(,\d{1,9})*$", max_length=10_000, description="Ids, as `3,5,8`."),
]


def service_of(request: Request) -> Service:
    """The service of the application."""
    return request.app.state.service


def caller_of(
    request: Request,
    x_client: Annotated[
        str, Header(max_length=100, description="A random id of this page; it holds leases.")
    ] = "",
    x_who: Annotated[
        str, Header(max_length=400, description="The annotator's name, percent-encoded.")
    ] = "",
    x_request_id: Annotated[
        str,
        Header(
            max_length=100,
            description="A random id of this change. Sent again with the same id, it is done once, "
            "and answered as the first time.",
        ),
    ] = "",
    x_project: Annotated[
        str,
        Header(max_length=100, description="The id of the project that is meant; empty = any."),
    ] = "",
) -> Caller:
    """Who asks."""
    own = service_of(request)
    if x_project and x_project != own.project_id:
        raise OtherProject("these changes are of another project")
    who = "".join(c for c in unquote(x_who) if c.isprintable()).strip()[:100]
    who = who or own.base.log.who
    return Caller(x_client or f"who:{who}", who, x_request_id)


Asked = Annotated[Service, Depends(service_of)]
By = Annotated[Caller, Depends(caller_of)]
