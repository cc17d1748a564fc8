"""From the trained denoiser to a Rust program that has proved itself: `make demo`.

Everything lands in `out/demo`. The photograph was not trained on.
"""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from oxidizedvision import load

HERE = Path(__file__).resolve().parent
CONFIG = HERE / "config.yml"
OUTPUT = Path("out/demo")
SIGMA = 25
AGREEMENT_DB = 0.01

Pixels = NDArray[np.uint8]


def main() -> int:
    """Run the pipeline, then the program on a noisy photograph; 0 when all agrees."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    clean: Pixels = data.chelsea()
    noisy = add_noise(clean)
    noisy_file, denoised_file = OUTPUT / "noisy.png", OUTPUT / "denoised.png"
    Image.fromarray(noisy).save(noisy_file)

    code = call(
        *(sys.executable, "-m", "oxidizedvision", "run", str(CONFIG)),
        *("--output-dir", str(OUTPUT), "--picture", str(noisy_file)),
    )
    if code != 0:
        return code
    program = OUTPUT / "crate" / "bin" / "denoiser"
    code = call(str(program), str(noisy_file), str(denoised_file))
    if code != 0:
        return code

    by_program = np.asarray(Image.open(denoised_file))
    by_pytorch = denoise_with_pytorch(noisy)
    quality = [psnr(clean, picture) for picture in (noisy, by_pytorch, by_program)]
    print(f"\nThe photograph `chelsea`, Gaussian noise of sigma {SIGMA} (PSNR, more is better)")
    for label, value in zip(("noisy", "PyTorch", "Rust program"), quality, strict=True):
        print(f"  {label:<14}{value:6.2f} dB")
    difference = abs(quality[1] - quality[2])
    apart = np.abs(by_program.astype(int) - by_pytorch.astype(int)).max()
    print(f"  PyTorch and the program differ by {difference:.4f} dB; no pixel by more than {apart}")
    print(f"\nReport    {OUTPUT / 'report.html'}")
    print(f"Pictures  {noisy_file}, {denoised_file}")
    print(f"Crate     {OUTPUT / 'crate'}")
    if difference > AGREEMENT_DB:
        print(f"error: they should agree within {AGREEMENT_DB} dB", file=sys.stderr)
        return 3
    return 0


def call(*command: str) -> int:
    """Show a command, run it, and give its exit code."""
    shown = ["oxidizedvision", *command[3:]] if command[0] == sys.executable else command
    print(f"$ {' '.join(shown)}", flush=True)
    return subprocess.run(command, check=False).returncode


def add_noise(clean: Pixels) -> Pixels:
    """Add the same Gaussian noise at every call."""
    noise = np.random.default_rng(0).normal(0, SIGMA, clean.shape)
    return np.clip(np.rint(clean + noise), 0, 255).astype(np.uint8)


def denoise_with_pytorch(noisy: Pixels) -> Pixels:
    """Run the network itself on the whole picture, without our preprocess code."""
    batch = (noisy.astype(np.float32) / 255).transpose(2, 0, 1)[None]
    with load(CONFIG, runner="pytorch") as network:
        output = network.run(np.ascontiguousarray(batch))
    pixels = np.rint(np.clip(output[0].transpose(1, 2, 0) * 255, 0, 255))
    return pixels.astype(np.uint8)


def psnr(reference: Pixels, picture: Pixels) -> float:
    """Peak signal-to-noise ratio of 8-bit pictures, in dB."""
    error = np.mean((reference.astype(np.float64) - picture) ** 2)
    return 10 * math.log10(255**2 / error)


if __name__ == "__main__":
    sys.exit(main())
