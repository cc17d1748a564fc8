"""One picture from a fresh Python process, as users of other tools do it: the peers of a start.

`python peers.py onnxruntime|torch MODEL PICTURE RESULT` reads a picture with Pillow, takes it
through MobileNetV2's preprocess and the model, and writes the five best classes. It imports only
what it needs.
"""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)


def tensor(path: str) -> np.ndarray:
    """Resized to 256, cut to 224, normalised."""
    picture = Image.open(path).convert("RGB")
    scale = 256 / min(picture.size)
    width, height = (round(side * scale) for side in picture.size)
    picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    left, top = (width - 224) // 2, (height - 224) // 2
    pixels = np.asarray(picture.crop((left, top, left + 224, top + 224)), np.float32) / 255
    return ((pixels - MEAN) / STD).transpose(2, 0, 1)[None].astype(np.float32)


def by_onnxruntime(model: str, given: np.ndarray) -> np.ndarray:
    """The logits."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: given})[0]


def by_torch(model: str, given: np.ndarray) -> np.ndarray:
    """The logits."""
    import torch

    with torch.inference_mode():
        return torch.jit.load(model)(torch.from_numpy(given)).numpy()


def main() -> None:
    """As the module says."""
    name, model, picture, result = sys.argv[1:]
    logits = {"onnxruntime": by_onnxruntime, "torch": by_torch}[name](model, tensor(picture))[0]
    best = np.argsort(-logits)[:5]
    document = {"classes": [int(index) for index in best]}
    Path(result).write_text(json.dumps(document), encoding="utf-8")


if __name__ == "__main__":
    main()
