"""The models that were converted on this machine, and where each came from."""

from oxidizedvision.registry.lineage import LineageItem, ModelDetails, describe
from oxidizedvision.registry.store import Entry, find, list_models, register, registry_path

__all__ = [
    "Entry",
    "LineageItem",
    "ModelDetails",
    "describe",
    "find",
    "list_models",
    "register",
    "registry_path",
]
