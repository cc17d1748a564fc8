"""Heavy or optional modules, imported when first needed."""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType

from oxidizedvision.core.errors import Kind, OxidizedVisionError

# ONNX Runtime's packages from 1.32 on collect telemetry, and read this when they are loaded, here
# or in a process that this one starts. Whoever sets it decides.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

INSTALL = {
    "torch": "pip install 'oxidizedvision[torch]'",
    "onnx": "pip install 'oxidizedvision[onnx]'",
    "onnxruntime": "pip install 'oxidizedvision[onnx]'",
    "onnxscript": "pip install 'oxidizedvision[onnx]'",
    "onnxslim": "pip install 'oxidizedvision[onnx]'",
    "onnxsim": "pip install onnxsim",
    "skimage": "pip install 'oxidizedvision[fixtures]'",
    "openvino": "pip install 'oxidizedvision[openvino]'",
    "oxidizedvision_native_tch": "run `make native` in the OxidizedVision repository, beside "
    "torch 2.13",
    "oxidizedvision_native": "run `make native` in the OxidizedVision repository, or install "
    "its wheel: pip install oxidizedvision-native",
}


def require(name: str, purpose: str) -> ModuleType:
    """Import a module, or say what it is needed for and how to install it.

    Raises:
        OxidizedVisionError: `dependency_missing` when the module cannot be imported.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        root = name.partition(".")[0]
        how = INSTALL.get(root, f"pip install {root}")
        raise OxidizedVisionError(
            Kind.DEPENDENCY_MISSING,
            f"{purpose} needs {root}, which cannot be imported: {error}",
            f"Install it: {how}",
        ) from error


def openvino() -> ModuleType:
    """Import OpenVINO's Python package without its telemetry.

    That would be sent by a fork of this process, which keeps its memory and can hang for ever.

    Raises:
        ImportError: when it is not installed.
    """
    # OpenVINO does without what cannot be imported.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    return importlib.import_module("openvino")
