"""A wheel is built, installed into a fresh environment, and tracks from there."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "sam2track"


def run(*command, **options):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_what_the_command_needs(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for path in PACKAGE.rglob("*"):
        if path.suffix in (".py", ".yaml", ".safetensors"):
            assert str(path.relative_to(ROOT)) in names
    for path in (ROOT / "configs").rglob("*.yaml"):
        assert f"sam2track/{path.relative_to(ROOT)}" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not any(name.startswith(("tests", "scripts", "videos")) for name in names)


def test_the_wheel_tracks_in_a_fresh_environment(wheel, tmp_path, clip_path, random_nano):
    home = tmp_path / "environment"
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    run(
        sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel
    )
    # What it depends on is taken from here, to be quick and without a network. A path in a .pth
    # file brings the packages in it, but not what their own .pth files add: no checkout.
    own = Path(sysconfig.get_path("purelib", vars={"base": str(home)}))
    (own / "rest.pth").write_text(sysconfig.get_path("purelib") + "\n")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    options = {"cwd": tmp_path, "env": environment}

    origin = run(python, "-c", "import sam2track; print(sam2track.__file__)", **options)
    assert Path(origin.strip()).is_relative_to(own)
    track = (home / "bin" / "sam2track", "track", f"checkpoint={random_nano}", "click=[30,30]")
    run(*track, f"video={clip_path}", "out=results", "frames=2", **options)
    assert len(list((tmp_path / "results" / "masks").iterdir())) == 2
    shown = run(*track, "--info", "searchpath", **options)
    assert str(own / "sam2track" / "configs") in shown
    run(*track, "-m", f"video={clip_path}", "memory=fifo,tree", "frames=1", "out=both", **options)
    assert {path.name for path in (tmp_path / "both").glob("*=*")} == {"memory=fifo", "memory=tree"}
