"""Names that end up in generated TOML and Rust are plain identifiers or refused."""

import pytest

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.package.names import crate_name


@pytest.mark.parametrize("name", ["denoiser", "my-model_2", "a"])
def test_a_plain_name_is_kept(name: str) -> None:
    assert crate_name(name) == name


def test_capitals_become_lower_case() -> None:
    assert crate_name("UNet") == "unet"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "2fast",
        "-x",
        "a b",
        'x"\nbuild = "evil.rs',
        "../up",
        "fn",
        "test",
        "runner_core",
        "vision_model",
        "modèle",
        "a" * 65,
    ],
)
def test_anything_else_is_refused(name: str) -> None:
    with pytest.raises(OxidizedVisionError) as caught:
        crate_name(name)
    assert caught.value.kind is Kind.USAGE
    assert "--name" in caught.value.hint
