"""The models that were converted on this machine, and where each came from."""

from oxidizedvision.registry.collect import DroppedEntry, GarbageReport, collect_garbage
from oxidizedvision.registry.details import ModelDetails, describe
from oxidizedvision.registry.entries import Entry, ListedEntry
from oxidizedvision.registry.finding import find
from oxidizedvision.registry.leftovers import Leftover
from oxidizedvision.registry.lineage import LineageItem
from oxidizedvision.registry.listing import ListFilter, list_models
from oxidizedvision.registry.registration import refresh, register
from oxidizedvision.registry.removal import KeptFile, Removal, remove
from oxidizedvision.registry.store import registry_path
from oxidizedvision.registry.tagging import Tag, tag, tags, untag

__all__ = [
    "DroppedEntry",
    "Entry",
    "GarbageReport",
    "KeptFile",
    "Leftover",
    "LineageItem",
    "ListFilter",
    "ListedEntry",
    "ModelDetails",
    "Removal",
    "Tag",
    "collect_garbage",
    "describe",
    "find",
    "list_models",
    "refresh",
    "register",
    "registry_path",
    "remove",
    "tag",
    "tags",
    "untag",
]
