"""Every form that weights are saved in puts the same values into the network."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoint_networks import Holder, State, equal, loaded, prefixed, refused, weights
from projects import project
from safetensors.torch import save_file, save_model
from torch import nn

from oxidizedvision.config import load_config
from oxidizedvision.convert import load_module

OPTIMIZER = {"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": [{"lr": 0.1}]}
BESIDE = {"epoch": 3, "optimizer": OPTIMIZER, "args": {"lr": 0.1}, "best": torch.tensor(0.5)}

SILENT: dict[str, Callable[[State], Any]] = {
    "plain": lambda state: state,
    "ordered": OrderedDict,
    "parameters": lambda state: {
        key: nn.Parameter(value, requires_grad=value.is_floating_point())
        for key, value in state.items()
    },
    "state_dict": lambda state: {"state_dict": state, **BESIDE},
    "model_state_dict": lambda state: {**BESIDE, "model_state_dict": state},
    "model": lambda state: {"model": state, **BESIDE},
    "nested": lambda state: {"model": {"state_dict": state, "step": 7}},
    "entries that are no tensors": lambda state: {**state, "epoch": 3, "note": None},
}


@pytest.mark.parametrize("form", SILENT)
@pytest.mark.parametrize("zipped", [True, False], ids=["archive", "old format"])
def test_state_dicts_and_training_checkpoints(tmp_path: Path, form: str, zipped: bool) -> None:
    path = tmp_path / "net.pth"
    torch.save(SILENT[form](weights()), path, _use_new_zipfile_serialization=zipped)
    found, said = loaded(path)
    assert equal(found, weights())
    assert said == []


PREFIXED: dict[str, tuple[Callable[[State], Any], str]] = {
    "parallel": (lambda s: prefixed("module.", s), "'module.' was taken off"),
    "lightning": (
        lambda s: {
            "state_dict": {**prefixed("model.", s), "model_loss.weight": torch.ones(2)},
            "pytorch-lightning_version": "2.5",
        },
        "'model.' was taken off; 1 tensors beside them were left out: model_loss.weight",
    ),
    "lightning net": (lambda s: {"state_dict": prefixed("net.", s)}, "'net.' was taken off"),
    "its own name": (lambda s: prefixed("my_detector.", s), "'my_detector.' was taken off"),
    "twice": (lambda s: prefixed("module.model.", s), "'module.model.' was taken off"),
    "ema alone": (lambda s: {"ema": {"module": s}}, "are those under 'ema.module'"),
    "backbone": (
        lambda s: {"teacher": {**prefixed("backbone.", s), "dino_head.weight": torch.ones(2)}},
        "under 'teacher'; the prefix 'backbone.' was taken off",
    ),
}


@pytest.mark.parametrize("form", PREFIXED)
def test_prefixes_come_off_where_all_names_fit_then(tmp_path: Path, form: str) -> None:
    wrap, note = PREFIXED[form]
    torch.save(wrap(weights()), tmp_path / "net.pt")
    found, said = loaded(tmp_path / "net.pt")
    assert equal(found, weights())
    assert len(said) == 1
    assert note in said[0]


@pytest.mark.parametrize("prefix", ["_orig_mod.", ""])
def test_names_that_compile_adds_anywhere(tmp_path: Path, prefix: str) -> None:
    state = prefixed(prefix, {k.replace(".", "._orig_mod.", 1): v for k, v in weights().items()})
    torch.save(state, tmp_path / "net.pt")
    assert equal(loaded(tmp_path / "net.pt")[0], weights())


@pytest.mark.parametrize("prefix", ["", "module.", "model."])
def test_a_prefix_that_the_network_has_is_put_before(tmp_path: Path, prefix: str) -> None:
    torch.save(prefixed(prefix, weights()), tmp_path / "net.pt")
    found, said = loaded(tmp_path / "net.pt", Holder())
    assert equal(found, prefixed("body.", weights()))
    assert "the prefix 'body.' was put before" in said[0]


def test_a_prefix_is_not_guessed(tmp_path: Path) -> None:
    """`unet.` is no usual name, and what lies beside it may be part of the network."""
    state = {**prefixed("unet.", weights()), "criterion.weight": torch.ones(2)}
    torch.save({"state_dict": state}, tmp_path / "net.pt")
    assert "checkpoint_key: state_dict.unet" in refused(tmp_path / "net.pt").hint
    assert equal(loaded(tmp_path / "net.pt", key="state_dict.unet")[0], weights())
    torch.save(prefixed("module.", {**weights(), "more": torch.ones(2)}), tmp_path / "net.pt")
    assert "1 unexpected" in refused(tmp_path / "net.pt").message


def test_safetensors_with_metadata(tmp_path: Path) -> None:
    save_file(weights(), tmp_path / "net.safetensors", metadata={"format": "pt", "by": "me"})
    assert equal(loaded(tmp_path / "net.safetensors")[0], weights())


@pytest.mark.parametrize("name", ["net.pt", "net.bin", "net"])
def test_the_content_counts_and_not_the_name(tmp_path: Path, name: str) -> None:
    save_file(weights(), tmp_path / name)
    assert equal(loaded(tmp_path / name)[0], weights())
    torch.save(weights(1), tmp_path / "net.safetensors")
    assert equal(loaded(tmp_path / "net.safetensors")[0], weights(1))


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Linear(3, 3, bias=False)
        self.down = nn.Linear(3, 3, bias=False)
        self.down.weight = self.up.weight


def test_tied_weights_that_safetensors_keeps_once(tmp_path: Path) -> None:
    network = Tied()
    save_model(network, str(tmp_path / "net.safetensors"))
    found, said = loaded(tmp_path / "net.safetensors", Tied())
    assert equal(found, network.state_dict())
    assert said == []
    torch.save(network.state_dict(), tmp_path / "net.pt")
    assert equal(loaded(tmp_path / "net.pt", Tied())[0], network.state_dict())


def test_views_and_transposed_tensors(tmp_path: Path) -> None:
    network = nn.Linear(4, 3)
    whole = torch.arange(24.0)
    state = {"weight": whole[:12].reshape(4, 3).T, "bias": whole[:1].expand(3)}
    torch.save(state, tmp_path / "net.pt")
    found, _ = loaded(tmp_path / "net.pt", network)
    assert equal(found, state)


def test_an_index_of_shards(tmp_path: Path) -> None:
    keys = sorted(weights())
    parts = {"a.safetensors": keys[:3], "b.safetensors": keys[3:]}
    for name, part in parts.items():
        save_file({key: weights()[key] for key in part}, tmp_path / name)
    index = tmp_path / "model.safetensors.index.json"
    named = ", ".join(f'"{key}": "{name}"' for name, part in parts.items() for key in part)
    index.write_text(f'{{"metadata": {{}}, "weight_map": {{{named}}}}}')
    assert equal(loaded(index)[0], weights())
    (tmp_path / "b.safetensors").unlink()
    save_file({keys[4]: weights()[keys[4]]}, tmp_path / "b.safetensors")
    assert f"lacks {keys[3]}" in refused(index).message


@pytest.mark.parametrize("name", ["../a.safetensors", "/etc/passwd", "a.pt", "sub/a.safetensors"])
def test_an_index_names_only_files_beside_it(tmp_path: Path, name: str) -> None:
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(f'{{"weight_map": {{"w": "{name}"}}}}')
    assert name in refused(index).message


@pytest.mark.parametrize("prefix", ["", "module."])
def test_counters_of_old_checkpoints_may_be_missing(tmp_path: Path, prefix: str) -> None:
    state = {k: v for k, v in weights().items() if not k.endswith("num_batches_tracked")}
    torch.save(prefixed(prefix, state), tmp_path / "net.pt")
    found, said = loaded(tmp_path / "net.pt")
    assert all(torch.equal(found[key], state[key]) for key in state)
    assert len(said) == bool(prefix)


class Indexed(nn.Module):
    """Computes a buffer that an older version of it saved."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.register_buffer("index", torch.arange(3), persistent=False)


def test_buffers_that_the_network_computes_are_left_out(tmp_path: Path) -> None:
    state = weights(network=Indexed())
    torch.save({**state, "index": torch.arange(3)}, tmp_path / "net.pt")
    found, said = loaded(tmp_path / "net.pt", Indexed())
    assert equal(found, state)
    assert "1 buffers of its own were left out: index" in said[0]


class Renamed(nn.Module):
    """Knows what its older version called its layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.register_load_state_dict_pre_hook(self.rename)

    @staticmethod
    def rename(_: nn.Module, state: dict[str, Any], *__: object) -> None:
        for key in [key for key in state if key.startswith("fc.")]:
            state[key.replace("fc.", "layer.")] = state.pop(key)


def test_names_that_the_network_itself_translates(tmp_path: Path) -> None:
    state = weights(network=nn.Linear(2, 2))
    torch.save(prefixed("fc.", state), tmp_path / "net.pt")
    assert equal(loaded(tmp_path / "net.pt", Renamed())[0], prefixed("layer.", state))


def test_layers_that_take_their_shape_from_the_checkpoint(tmp_path: Path) -> None:
    network = nn.Sequential(nn.LazyConv2d(4, 3))
    state = weights(network=nn.Sequential(nn.Conv2d(3, 4, 3)))
    torch.save(state, tmp_path / "net.pt")
    assert equal(loaded(tmp_path / "net.pt", network)[0], state)


def test_a_network_without_weights(tmp_path: Path) -> None:
    torch.save(weights(), tmp_path / "net.pt")
    assert "9 unexpected" in refused(tmp_path / "net.pt", nn.ReLU()).message


def test_through_the_config(tmp_path: Path) -> None:
    network = load_module(load_config(project(tmp_path)))
    trained, averaged = weights(1, network), weights(2, network)
    torch.save({"state_dict": trained, "ema": averaged}, tmp_path / "net.pt")
    config = project(tmp_path, model="  checkpoint: net.pt\n  checkpoint_key: ema\n")
    assert equal(load_module(load_config(config)).state_dict(), averaged)
    config = project(tmp_path, model="  checkpoint: net.pt\n  checkpoint_key: state_dict\n")
    assert equal(load_module(load_config(config)).state_dict(), trained)
