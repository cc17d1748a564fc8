"""PSNR on photographs that were not trained on, beside scikit-image's non-local means.

`python evaluate.py` prints a table and, with `--pictures FOLDER`, writes clean, noisy and
denoised PNG files of each photograph.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from model import Denoiser
from numpy.typing import NDArray
from pictures import HELD_OUT, SIGMA, Picture, add_noise, load, psnr
from PIL import Image
from safetensors.torch import load_file
from skimage.restoration import denoise_nl_means
from train import WEIGHTS

STRENGTHS = (0.4, 0.5, 0.6, 0.7, 0.8)
"""Filter strengths of non-local means, in units of sigma; the best one counts, per picture."""


def denoise(network: Denoiser, noisy: NDArray[np.uint8]) -> Picture:
    """A picture through the network, values 0 to 1."""
    tensor = torch.from_numpy(noisy).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad():
        return network(tensor)[0].clamp(0, 1).permute(1, 2, 0).numpy()


def non_local_means(clean: Picture, noisy: NDArray[np.uint8]) -> float:
    """The best PSNR over the strengths; it is told the true sigma."""
    sigma = SIGMA / 255
    found = [
        denoise_nl_means(
            noisy.astype(np.float32) / 255,
            h=strength * sigma,
            sigma=sigma,
            fast_mode=True,
            patch_size=5,
            patch_distance=6,
            channel_axis=-1,
        )
        for strength in STRENGTHS
    ]
    return max(psnr(clean, picture) for picture in found)


def save(folder: Path, name: str, picture: Picture) -> None:
    """A picture with values 0 to 1 as PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    Image.fromarray(pixels).save(folder / f"{name}.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--pictures", type=Path, help="folder for PNG files")
    options = parser.parse_args()
    network = Denoiser().eval()
    network.load_state_dict(load_file(options.weights))
    print("| photograph | noisy | non-local means | denoiser | gain |")
    print("| --- | --- | --- | --- | --- |")
    for name in HELD_OUT:
        clean = load(name)
        noisy = add_noise(clean)
        denoised = denoise(network, noisy)
        before, after = psnr(clean, noisy.astype(np.float32) / 255), psnr(clean, denoised)
        means = non_local_means(clean, noisy)
        stem = Path(name).stem
        print(f"| {stem} | {before:.2f} | {means:.2f} | {after:.2f} | {after - before:+.2f} |")
        if options.pictures:
            save(options.pictures, f"{stem}-clean", clean)
            save(options.pictures, f"{stem}-noisy", noisy.astype(np.float32) / 255)
            save(options.pictures, f"{stem}-denoised", denoised)


if __name__ == "__main__":
    main()
