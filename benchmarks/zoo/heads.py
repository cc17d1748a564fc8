"""Networks that no library gives as they stand here: detectors up to their boxes."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torchvision.models import detection

Outputs = dict[str, torch.Tensor]


class Heads(nn.Module):
    """A one-stage detector of torchvision up to its heads: no anchors, no suppression.

    Input `[batch, 3, height, width]`; outputs `bbox_regression` and `cls_logits`, one row for each
    anchor.
    """

    def __init__(self, detector: Any) -> None:
        super().__init__()
        self.backbone = detector.backbone
        self.head = detector.head

    def forward(self, picture: torch.Tensor) -> Outputs:
        features = self.backbone(picture)
        outputs: Outputs = self.head(list(features.values()))
        return outputs


class Proposals(nn.Module):
    """Faster R-CNN up to where it proposes boxes: the first stage without suppression.

    Input `[batch, 3, height, width]`; outputs objectness and deltas of every level of the pyramid.
    """

    def __init__(self, detector: Any) -> None:
        super().__init__()
        self.backbone = detector.backbone
        self.head = detector.rpn.head

    def forward(self, picture: torch.Tensor) -> dict[str, list[torch.Tensor]]:
        features = self.backbone(picture)
        objectness, deltas = self.head(list(features.values()))
        return {"objectness": objectness, "deltas": deltas}


def ssdlite(classes: int) -> nn.Module:
    """SSDlite on MobileNetV3, up to its heads."""
    return Heads(detection.ssdlite320_mobilenet_v3_large(**_untrained(classes)))


def retinanet(classes: int) -> nn.Module:
    """RetinaNet on ResNet-50 with a feature pyramid, up to its heads."""
    return Heads(detection.retinanet_resnet50_fpn(**_untrained(classes)))


def faster_rcnn(classes: int) -> nn.Module:
    """Faster R-CNN on MobileNetV3 with a feature pyramid, up to its proposals."""
    return Proposals(detection.fasterrcnn_mobilenet_v3_large_fpn(**_untrained(classes)))


def _untrained(classes: int) -> dict[str, Any]:
    return {"weights": None, "weights_backbone": None, "num_classes": classes}
