"""What engines compute along with a product comes out as PyTorch gives it, on every engine."""

from __future__ import annotations

from pathlib import Path

import fused_products
import numpy as np
import pytest

from oxidizedvision import load
from oxidizedvision.runners import availability

ENGINES = ("tract", "rten", "ort", "openvino", "onnxruntime", "wasm-tract", "wasm-rten")


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("optimize", [True, False])
def test_what_follows_a_product_is_right(name: str, optimize: bool, tmp_path: Path) -> None:
    if not availability(name).ready:
        pytest.skip(availability(name).hint)
    path = tmp_path / "products.onnx"
    inputs, expected = fused_products.write(path)
    with load(path, runner=name, optimize=optimize) as loaded:
        got = loaded.run_named(inputs)
    for output, array in expected.items():
        np.testing.assert_allclose(got[output], array, atol=1e-4, err_msg=output)
