"""What the process of an exporter needs: the network's weights and an example, as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from oxidizedvision.config import Config
from oxidizedvision.convert.export import ExportRequest
from oxidizedvision.convert.network import Arrays, Network
from oxidizedvision.convert.shapes import Signature
from oxidizedvision.runners.examples import example_of


def export_request(
    config: Config,
    network: Network,
    signature: Signature,
    example: Arrays,
    folder: Path,
    *,
    flat: bool,
) -> ExportRequest:
    """The request but for exporter, opset and files to write; puts its files into `folder`."""
    import torch
    from safetensors.numpy import save_file

    weights, inputs = folder / "weights.pth", folder / "example.safetensors"
    torch.save(network.module.state_dict(), weights)
    save_file({name: np.array(array, order="C") for name, array in example.items()}, inputs)
    axes = {
        spec.name: {
            axis: signature.axes[dim] for axis, dim in enumerate(spec.dims) if isinstance(dim, str)
        }
        for spec in signature.inputs
    }
    dynamic = signature.dynamic_axes()
    return ExportRequest(
        route="torchscript",
        opset=None,
        config=config.model_dump_json(exclude_unset=True),
        config_path=str(config.path) if config.path else None,
        weights=str(weights),
        example=str(inputs),
        inputs=[spec.name for spec in signature.inputs],
        outputs=[spec.name for spec in signature.outputs],
        axes={name: found for name, found in axes.items() if found},
        output_axes={s.name: dynamic[s.name] for s in signature.outputs if s.name in dynamic},
        flat=flat,
        constant_folding=config.export.do_constant_folding,
    )


def export_example(network: Network, signature: Signature, golden: Arrays) -> Arrays:
    """The first golden, with lengths of 1 replaced: `torch.export` takes these for constants."""
    longer = {
        name: next((n for n in signature.others[name] if n > 1), length)
        for name, length in signature.lengths.items()
        if length == 1
    }
    if not longer:
        return golden
    shapes = signature.shapes_at(longer)
    generator = np.random.default_rng(0)
    return {item.name: example_of(item, shapes[item.name], generator) for item in network.inputs}
