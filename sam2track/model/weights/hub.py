"""Where weights are found: in the package, in the Hugging Face hub's cache, or on the hub."""

from __future__ import annotations

from contextlib import suppress
from importlib.resources import files
from pathlib import Path

from ..variants import VARIANTS
from .files import CheckpointError

# The repository and the file of models whose name does not tell them.
REPOSITORIES = {
    "edgetam": ("facebook/EdgeTAM", "edgetam.pt"),
    **{
        name: ("yunyangx/efficient-track-anything", f"{name}.pt")
        for name in VARIANTS
        if name.startswith("efficienttam_")
    },
}
HUB_TIMEOUT = 5.0  # seconds in which the hub must answer
SAM = {"sam_vit_b": "sam-vit-base", "sam_vit_l": "sam-vit-large", "sam_vit_h": "sam-vit-huge"}


def packaged_weights(name: str) -> Path | None:
    """The weights in the package; None if there are none."""
    path = Path(str(files("sam2track"))) / "weights" / f"{name}.safetensors"
    return path if path.is_file() else None


def find_weights(name: str, checkpoint: str | Path | None = None) -> str | Path:
    """The given checkpoint; None = the weights in the package, or else the released ones.

    Raises:
        CheckpointError: as :func:`fetch_weights`.
    """
    if checkpoint is not None:
        return checkpoint
    return packaged_weights(name) or fetch_weights(name)


def fetch_weights(name: str) -> Path:
    """The released weights from the Hugging Face hub's cache, or else from the hub.

    Raises:
        CheckpointError: without a network; it says which file to put where.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
    from huggingface_hub.errors import LocalEntryNotFoundError

    default = ("facebook/" + SAM.get(name, name.replace("_", "-")), "model.safetensors")
    repository, file = REPOSITORIES.get(name, default)
    release = f"{name}_*.pth" if name in SAM else f"{name}.pt"
    with suppress(LocalEntryNotFoundError):
        return Path(hf_hub_download(repository, file, local_files_only=True))
    url = hf_hub_url(repository, file)
    try:
        # A short request first, since the download itself retries for more than a minute.
        get_hf_file_metadata(url, timeout=HUB_TIMEOUT)
        return Path(hf_hub_download(repository, file))
    except Exception:  # which, depends on the version of the hub's library
        raise CheckpointError(
            f"the weights of {name} are not on this machine and {url} can't be reached; "
            f"download that file (or the release's {release}) elsewhere and give checkpoint=PATH"
        ) from None
