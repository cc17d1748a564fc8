"""TorchScript files that say nothing of the machine that wrote them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

_OF_THIS_MACHINE = ".debug_pkl"
"""Records with the paths of Python files, which PyTorch has no need of."""
_VERSIONS = (".data/version", "version")
"""Either holds the version of the format, by which PyTorch finds older operators."""
_WRITTEN_AT_THE_END = (*_VERSIONS, ".data/serialization_id")


def save_script(module: Any, path: Path, extra_files: dict[str, str]) -> None:
    """Write a module so that the same one gives the same bytes in every folder."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".oxv-script-") as name:
        whole, bare = Path(name) / "whole.pt", Path(name) / "model.pt"
        module.save(str(whole), _extra_files=extra_files)
        _copy(whole, bare)
        bare.replace(path)


def _copy(source: Path, target: Path) -> None:
    # torch.save and torch.load are made of these two.
    from torch import _C

    reader = _C.PyTorchFileReader(str(source))
    writer = _C.PyTorchFileWriter(str(target))
    names = reader.get_all_records()
    version = next(name for name in _VERSIONS if name in names)
    writer.set_min_version(int(reader.get_record(version)))
    for name in names:
        if not name.endswith(_OF_THIS_MACHINE) and name not in _WRITTEN_AT_THE_END:
            record = reader.get_record(name)
            writer.write_record(name, record, len(record))
    writer.write_end_of_file()
