"""The API does what its OpenAPI document says, also with values that nobody would send.

Needs schemathesis: ``pip install schemathesis``; it is left out where it is not installed.
"""

from __future__ import annotations

import signal

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("schemathesis")

import schemathesis
from annotate.server.small_server import Running
from annotate.small_project import clip_project
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    use_after_free,
)

EXAMPLES = 50
CHECKS = (
    *(schemathesis.checks.not_a_server_error, status_code_conformance, use_after_free),
    *(content_type_conformance, response_headers_conformance, response_schema_conformance),
)
STREAM = "/api/events"  # it does not end


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with clip_project(tmp_path_factory.mktemp("schema")) as project:
        folder = project.folder
    server = Running(folder)
    for body in ({"class": "a"}, {"class": "b"}):
        assert server.ask("POST", "/api/videos/1/objects", body)[0] == 200
    click = {"frame": 0, "points": [[20, 20]], "labels": [1]}
    assert server.ask("POST", "/api/objects/1/prompts", click)[0] == 200
    yield server
    server.stop(signal.SIGINT)


def check_operation(operation, mode, checks):
    """Send what the document allows, or what it does not, and check the answers."""

    @seed(0)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case):
        case.call_and_validate(checks=checks)

    run()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_api_is_as_its_document_says(server):
    schema = schemathesis.openapi.from_url(f"{server.address}api/openapi.json")
    wrong, count = [], 0
    operations = [result.ok() for result in schema.get_all_operations()]
    # Without its video nothing else could be asked.
    operations.sort(key=lambda own: own.label == "DELETE /api/videos/{video_id}")
    for operation in operations:
        if operation.path == STREAM:
            continue
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            checks = list(CHECKS)
            if mode == GenerationMode.NEGATIVE:
                checks.append(negative_data_rejection)
            try:
                check_operation(operation, mode, checks)
                count += 1
            except Exception as error:
                if "Unsatisfiable" in type(error).__name__ or "NothingToTest" in str(error):
                    continue  # it takes nothing that could be wrong
                wrong.append(f"{operation.label} ({mode.value}): {type(error).__name__}: {error}")
    print(f"{count} operations, {EXAMPLES} requests each")
    assert not wrong, "\n\n".join(wrong)
    assert count > 40
    assert server.process.poll() is None
    status, session = server.ask("GET", "/api/session")
    assert (status, session["model"]["state"]) == (200, "ready")
