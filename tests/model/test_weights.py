"""Weights go through every layout and come back; what does not fit is named."""

from __future__ import annotations

import pickle
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tiny import TINY, tiny_model

from sam2track.model import (
    SAM2,
    VARIANTS,
    CheckpointError,
    find_variant,
    load_image_model,
    load_model,
)
from sam2track.model.weights import hub as hub_module
from sam2track.model.weights import names, save_weights

OFFICIAL = [name for name in VARIANTS if name != "nano"]


def shapes(name: str) -> dict[str, torch.Tensor]:
    """The state dict of a variant, without memory behind it."""
    with torch.device("meta"):
        return SAM2(find_variant(name)).state_dict()


def to_huggingface(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    kinds = [f"prompt_encoder.point_embeddings.{kind}.weight" for kind in range(4)]
    theirs = {
        names.huggingface_name(name): tensor for name, tensor in state.items() if name not in kinds
    }
    theirs["prompt_encoder.point_embed.weight"] = torch.cat([state[kind] for kind in kinds])
    return theirs


@pytest.mark.parametrize("name", OFFICIAL)
def test_every_layout_comes_back_and_tells_the_variant(name):
    state = shapes(name)
    for layout in (state, names.to_official(state), to_huggingface(state)):
        back = names.from_layout(layout, state)
        assert back.keys() == state.keys()
        assert all(back[key].shape == state[key].shape for key in state)
        assert name in names.infer_variants(back)


@pytest.mark.parametrize("name", ["sam2_hiera_tiny", "sam2.1_hiera_tiny", "sam2.1_hiera_large"])
def test_official_names(name):
    official = names.to_official(shapes(name))
    assert official["image_encoder.trunk.blocks.0.attn.qkv.weight"].ndim == 2
    assert official["maskmem_tpos_enc"].shape == (7, 1, 1, 64)
    assert ("no_obj_embed_spatial" in official) == ("2.1" in name)
    assert official["no_mem_pos_enc"].shape == (1, 1, 256)


@pytest.fixture
def tiny_known(monkeypatch):
    """The tiny variant under a name."""
    monkeypatch.setitem(VARIANTS, "tiny_test", TINY)
    return "tiny_test"


@pytest.mark.parametrize("layout", ["ours", "official", "huggingface"])
def test_a_file_of_every_layout_loads(tmp_path, layout, tiny_known):
    model = tiny_model()
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    path = tmp_path / "weights.safetensors"
    if layout == "ours":
        save_weights(model, path, tiny_known)
    elif layout == "official":
        path = tmp_path / "weights.pt"
        torch.save({"model": names.to_official(state)}, path)
    else:
        save_file(to_huggingface(state), path)
    loaded = load_model(tiny_known, path, device="cpu", precision="fp32")
    for name, tensor in loaded.state_dict().items():
        torch.testing.assert_close(tensor, state[name], rtol=1e-3, atol=1e-4)  # ours is fp16


@pytest.mark.parametrize("layout", ["ours", "official", "huggingface"])
@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "_orig_mod.module."])
def test_prefixes_of_wrappers_are_removed(tmp_path, layout, prefix, tiny_known):
    """DistributedDataParallel and torch.compile put them before the names."""
    state = {name: tensor.contiguous() for name, tensor in tiny_model().state_dict().items()}
    theirs = {"ours": dict, "official": names.to_official, "huggingface": to_huggingface}[layout]
    path = tmp_path / "weights.safetensors"
    save_file({prefix + name: tensor for name, tensor in theirs(state).items()}, path)
    loaded = load_model(tiny_known, path, device="cpu", precision="fp32").state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in state.items())


def test_a_part_that_was_compiled_alone_loads(tmp_path, tiny_known):
    model = tiny_model()
    model.trunk = torch.compile(model.trunk)
    state = model.state_dict()
    assert "trunk._orig_mod.pos_embed" in state
    torch.save(state, tmp_path / "weights.pt")
    loaded = load_model(tiny_known, tmp_path / "weights.pt", device="cpu", precision="fp32")
    assert torch.equal(loaded.trunk.pos_embed, state["trunk._orig_mod.pos_embed"])


class Bomb:
    """Writes a file when unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


def test_a_pickle_is_refused_and_never_executed(tmp_path, tiny_known):
    path, target = tmp_path / "bad.pt", tmp_path / "executed"
    path.write_bytes(pickle.dumps({"model": Bomb(target)}))
    with pytest.raises(CheckpointError, match="not a PyTorch checkpoint"):
        load_model(tiny_known, path)
    torch.save({"model": Bomb(target)}, path)
    with pytest.raises(CheckpointError, match="not executed"):
        load_model(tiny_known, path)
    assert not target.exists()


def test_another_variant_is_named(tmp_path, tiny_known):
    path = tmp_path / "w.safetensors"
    save_weights(tiny_model(), path, tiny_known)
    with pytest.raises(CheckpointError, match=f"holds {tiny_known}.*model=nano"):
        load_model("nano", path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("no_memory"), "lacks no_memory"),
        (lambda state: state.update(extra=torch.zeros(1)), "also holds extra"),
        (lambda state: state.update(no_memory=torch.zeros(1, 1, 3)), r"\(1, 1, 3\) instead of"),
    ],
)
def test_what_disagrees_is_said(tmp_path, tiny_known, change, message):
    state = {name: tensor.contiguous() for name, tensor in tiny_model().state_dict().items()}
    change(state)
    path = tmp_path / "w.safetensors"
    save_file(state, path)
    with pytest.raises(CheckpointError, match=message):
        load_model(tiny_known, path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.pt", None, "no such checkpoint"),
        ("text.pt", b"hello", "not a PyTorch checkpoint"),
        ("empty.pt", b"", "not a PyTorch checkpoint"),
        ("text.safetensors", b"hello, this is no header", "not a safetensors file"),
    ],
)
def test_files_that_are_no_checkpoints(tmp_path, tiny_known, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        load_model(tiny_known, tmp_path / name)


def test_an_unknown_model_lists_those_there_are():
    with pytest.raises(ValueError, match=r"sam2\.1_hiera_tiny"):
        load_model("sam3")


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """The hub's library with nothing fetched before; says where the hub is."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def lies_at(port: int) -> str:
        address = f"http://127.0.0.1:{port}"
        template = address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
        return address

    return lies_at


def test_weights_are_fetched_once(hub, tmp_path, tiny_known):
    model = tiny_model()
    save_weights(model, tmp_path / "w.safetensors", tiny_known)
    data = (tmp_path / "w.safetensors").read_bytes()
    asked = []

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self):
            asked.append(f"{self.command} {self.path}")
            self.send_response(200)
            headers = {"ETag": '"1"', "X-Repo-Commit": "0" * 40, "Content-Length": str(len(data))}
            for header in headers.items():
                self.send_header(*header)
            self.end_headers()

        def do_GET(self):
            self.do_HEAD()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        hub(server.server_port)
        fetched = load_model(tiny_known)
        server.shutdown()
    repository = tiny_known.replace("_", "-")
    assert asked[-1] == f"GET /facebook/{repository}/resolve/main/model.safetensors"
    again = load_model(tiny_known)  # nobody answers any more
    for loaded in (fetched, again):
        assert torch.equal(loaded.no_memory, model.no_memory.half().float())


def test_offline_it_says_what_to_do(monkeypatch, hub):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(CheckpointError, match=r"sam2\.1_hiera_tiny\.pt.*checkpoint=PATH"):
        load_model("sam2.1_hiera_tiny")
    named = r"sam-vit-huge/resolve/main/model\.safetensors.*sam_vit_h_\*\.pth.*checkpoint=PATH"
    with pytest.raises(CheckpointError, match=named):
        load_image_model("sam_vit_h")


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("edgetam", "facebook/EdgeTAM/resolve/main/edgetam.pt"),
        ("efficienttam_s_1", "yunyangx/efficient-track-anything/resolve/main/efficienttam_s_1.pt"),
    ],
)
def test_models_of_others_lie_elsewhere(monkeypatch, hub, name, address):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(CheckpointError, match=address):
        load_model(name)


@pytest.mark.parametrize("answers", [False, None])
def test_without_a_network_it_says_so_soon_and_once(monkeypatch, hub, capfd, answers):
    """A hub that refuses (False) and one that takes the call and stays silent (None)."""
    monkeypatch.setattr(hub_module, "HUB_TIMEOUT", 0.5)
    started = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = hub(server.getsockname()[1])
        if answers is False:
            server.close()
        with pytest.raises(CheckpointError, match=f"{address}.*hiera-tiny.*model.safetensors"):
            load_model("sam2.1_hiera_tiny")
    assert time.monotonic() - started < 10
    assert capfd.readouterr().err == ""


def test_a_failed_save_leaves_nothing(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        save_weights(tiny_model(), tmp_path / "w.safetensors", "nano")
    assert list(tmp_path.iterdir()) == []
