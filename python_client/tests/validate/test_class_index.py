"""A class has the index that its name, its number or the order of names gives it."""

from __future__ import annotations

import pytest

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.validate.data.classes import class_index


def test_names_are_counted_in_their_order() -> None:
    found = class_index(("b", "c", "a"), None, 3, listed=False)
    assert (found.of, found.by) == ({"a": 0, "b": 1, "c": 2}, "the order of their names")


def test_folders_of_numbers_are_names_and_labels_of_a_table_numbers() -> None:
    names = ("0", "1", "10", "2")
    # As torchvision's ImageFolder, which sorts text.
    assert class_index(names, None, 4, listed=False).of == {"0": 0, "1": 1, "10": 2, "2": 3}
    assert class_index(names, None, 11, listed=True).of == {"0": 0, "1": 1, "10": 10, "2": 2}
    labels = ["10", "2", "1", "0"]
    assert class_index(names, labels, 4, listed=True).of == {"10": 0, "2": 1, "1": 2, "0": 3}


def test_a_label_that_stands_twice_tells_nothing() -> None:
    with pytest.raises(OxidizedVisionError, match="names 'crane' 2 times") as caught:
        class_index(("crane",), ["crane", "hen", "crane"], 3, listed=False)
    assert caught.value.kind is Kind.INPUT
    assert class_index(("hen",), ["crane", "hen", "crane"], 3, listed=False).of == {"hen": 1}
