"""A PyTorch network: what it holds, multiplies and keeps, and where its time goes."""

from __future__ import annotations

from oxidizedvision.profile.network.profile import profile_network

__all__ = ["profile_network"]
