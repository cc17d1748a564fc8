"""The networks of the zoo: architectures of torchvision and timm, and this repository's U-Net."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.zoo.architecture import Architecture

CLASSES = 20
HEADS = Path(__file__).with_name("heads.py")
UNET = Path(__file__).resolve().parents[2] / "examples" / "example_unet" / "model.py"


def torchvision(
    name: str,
    family: str,
    *,
    size: int = 64,
    step: int = 0,
    module: str = "torchvision.models",
    **more: Any,
) -> Architecture:
    """A network by the name of its function in torchvision."""
    arguments = {"weights": None, "num_classes": CLASSES, **more}
    return Architecture(name, family, f"{module}:{name}", arguments, size, step)


def segmentation(name: str, **more: Any) -> Architecture:
    """A segmentation network of torchvision: any picture size, a dict of outputs."""
    module = "torchvision.models.segmentation"
    return torchvision(name, "segmentation", step=32, module=module, weights_backbone=None, **more)


def timm(name: str, family: str, *, size: int = 64, step: int = 0, **more: Any) -> Architecture:
    """A network by its name in timm."""
    arguments = {"model_name": name, "pretrained": False, "num_classes": CLASSES, **more}
    return Architecture(name, family, "timm:create_model", arguments, size, step)


def sized(name: str, family: str, *, size: int = 64, **more: Any) -> Architecture:
    """A network of timm that is built for one size of pictures."""
    return timm(name, family, size=size, img_size=size, **more)


def detector(name: str, size: int) -> Architecture:
    """A detector of `heads.py`."""
    arguments = {"classes": CLASSES}
    return Architecture(
        f"{name}_heads", "detection", str(HEADS), arguments, size, 32, attribute=name
    )


NETWORKS = (
    torchvision("resnet18", "cnn", step=32),
    torchvision("resnext50_32x4d", "cnn"),
    torchvision("densenet121", "cnn"),
    torchvision("mobilenet_v2", "cnn", step=32),
    torchvision("mobilenet_v3_small", "cnn", step=32),
    torchvision("efficientnet_b0", "cnn"),
    torchvision("shufflenet_v2_x1_0", "cnn"),
    torchvision("squeezenet1_1", "cnn", step=16),
    torchvision("googlenet", "cnn", aux_logits=False, init_weights=False),
    torchvision("inception_v3", "cnn", size=96, aux_logits=False, init_weights=False),
    torchvision("regnet_y_400mf", "cnn"),
    torchvision("mnasnet0_5", "cnn"),
    torchvision("convnext_tiny", "cnn"),
    timm("vgg11_bn", "cnn", step=32, features_only=True),
    timm("convnextv2_atto", "cnn"),
    timm("ghostnet_100", "cnn"),
    timm("hrnet_w18_small", "cnn"),
    timm("res2net50_26w_4s", "cnn"),
    timm("dpn68", "cnn"),
    timm("skresnet18", "cnn"),
    timm("nf_resnet26", "cnn"),
    timm("lcnet_050", "cnn"),
    timm("mobilenetv4_conv_small", "cnn"),
    timm("fastvit_t8", "cnn"),
    timm("inception_next_atto", "cnn"),
    torchvision("swin_t", "transformer"),
    torchvision("swin_v2_t", "transformer"),
    Architecture(
        "vit",
        "transformer",
        "torchvision.models:VisionTransformer",
        {
            "image_size": 64,
            "patch_size": 16,
            "num_layers": 6,
            "num_heads": 6,
            "hidden_dim": 384,
            "mlp_dim": 1536,
            "num_classes": CLASSES,
        },
    ),
    sized("deit_tiny_distilled_patch16_224", "transformer"),
    sized("eva02_tiny_patch14_224", "transformer", size=56),
    sized("levit_128s", "transformer"),
    sized("mobilevit_xxs", "transformer"),
    sized("maxvit_rmlp_pico_rw_256", "transformer"),
    sized("coat_lite_tiny", "transformer"),
    sized("cait_xxs24_224", "transformer"),
    sized("xcit_nano_12_p16_224", "transformer"),
    timm("edgenext_xx_small", "transformer"),
    timm("pvt_v2_b0", "transformer"),
    timm("efficientvit_b0", "transformer"),
    timm("poolformer_s12", "mixer"),
    sized("mixer_s32_224", "mixer"),
    sized("resmlp_12_224", "mixer"),
    segmentation("lraspp_mobilenet_v3_large"),
    segmentation("deeplabv3_mobilenet_v3_large", aux_loss=True),
    segmentation("fcn_resnet50", aux_loss=True),
    Architecture("unet", "segmentation", str(UNET), {}, 64, 32, attribute="UNet"),
    detector("ssdlite", 96),
    detector("retinanet", 128),
    detector("faster_rcnn", 128),
)
