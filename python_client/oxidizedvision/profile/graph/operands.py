"""One node with the shapes of what it takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oxidizedvision.profile.graph.values import UNKNOWN, UnknownLengthError, Values

if TYPE_CHECKING:
    from onnx import NodeProto

_STANDARD = ("", "ai.onnx")


@dataclass(frozen=True)
class Operands:
    """A node and the values that it can see."""

    node: NodeProto
    values: Values

    @property
    def operator(self) -> str:
        """Its operator, with the domain where that is not ONNX's own."""
        domain = self.node.domain
        return self.node.op_type if domain in _STANDARD else f"{domain}.{self.node.op_type}"

    def has(self, index: int) -> bool:
        """Whether an optional input is given."""
        return index < len(self.node.input) and bool(self.node.input[index])

    def input(self, index: int) -> tuple[int, ...]:
        """The shape of an input.

        Raises:
            UnknownLengthError: where it is not known or not given.
        """
        if not self.has(index):
            raise UnknownLengthError
        return self.values.get(self.node.input[index], UNKNOWN).shape

    def output(self, index: int = 0) -> tuple[int, ...]:
        """The shape of an output.

        Raises:
            UnknownLengthError: where it is not known.
        """
        return self.values.get(self.node.output[index], UNKNOWN).shape

    def attribute(self, name: str, default: Any = None) -> Any:
        """An attribute's value; texts come as text."""
        import onnx

        for attribute in self.node.attribute:
            if attribute.name == name:
                value = onnx.helper.get_attribute_value(attribute)
                return value.decode() if isinstance(value, bytes) else value
        return default
