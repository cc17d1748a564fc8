"""Train the denoiser on patches of photographs; the same weights come out each time.

`python train.py` takes about a minute and a half on one core and writes
`weights/denoiser.safetensors`.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
from model import Denoiser
from pictures import SIGMA, TRAINED_ON, load
from safetensors.torch import save
from torch import nn

WEIGHTS = Path(__file__).parent / "weights" / "denoiser.safetensors"
STEPS = 2600
BATCH = 8
SIDE = 40
RATE = 5e-3
LARGEST_GRADIENT = 0.02


def batch(photographs: list[torch.Tensor], generator: torch.Generator) -> torch.Tensor:
    """Patches `[BATCH, 3, SIDE, SIDE]`, each turned, mirrored and with its channels mixed."""

    def below(limit: int) -> int:
        return int(torch.randint(limit, (), generator=generator))

    patches = []
    for _ in range(BATCH):
        photograph = photographs[below(len(photographs))]
        top, left = (below(length - SIDE + 1) for length in photograph.shape[1:])
        patch = photograph[:, top : top + SIDE, left : left + SIDE]
        patch = patch.rot90(below(4), (1, 2))
        patch = patch.flip(2) if below(2) else patch
        patches.append(patch[torch.randperm(3, generator=generator)])
    return torch.stack(patches)


def initialized() -> Denoiser:
    """A network whose signal keeps its size from layer to layer and that changes little."""
    network = Denoiser()
    convolutions = [layer for layer in network.noise if isinstance(layer, nn.Conv2d)]
    for layer in convolutions:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)
    with torch.no_grad():
        convolutions[-1].weight.mul_(0.1)
    return network


def train(steps: int) -> Denoiser:
    """A network trained for a number of steps on one thread."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    photographs = [torch.from_numpy(load(name)).permute(2, 0, 1) for name in TRAINED_ON]
    network = initialized().to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, total_steps=steps, pct_start=0.1
    )
    for step in range(1, steps + 1):
        clean = batch(photographs, generator)
        noisy = clean + SIGMA / 255 * torch.randn(clean.shape, generator=generator)
        output = network(noisy.contiguous(memory_format=torch.channels_last))
        loss = nn.functional.mse_loss(output, clean)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), LARGEST_GRADIENT)
        optimizer.step()
        schedule.step()
        if step % 200 == 0:
            print(f"step {step:5}  PSNR of the batch {-10 * loss.log10().item():.2f} dB")
    return network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--output", type=Path, default=WEIGHTS)
    options = parser.parse_args()
    start = time.monotonic()
    network = train(options.steps)
    state = {name: value.contiguous() for name, value in network.state_dict().items()}
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_bytes(save(state))
    print(f"{options.output}: {options.steps} steps in {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
