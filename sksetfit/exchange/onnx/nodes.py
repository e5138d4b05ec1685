"""The nodes of a graph of ONNX, added one by one, also those that skl2onnx makes of an estimator."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

OPSETS = {"": 18, "ai.onnx.ml": 3}


class Nodes:
    """Nodes and constants that are to become part of a graph, with names that begin with "head."."""

    def __init__(self) -> None:
        self._n_names = 0
        self._moved: list[Any] = []
        self._constants: list[Any] = []

    def add_to(self, graph: Any) -> None:
        """Put all of them at the end of an `onnx_ir.Graph`."""
        for constant in self._constants:
            graph.register_initializer(constant)
        graph.extend(self._moved)
        graph.opset_imports.update(OPSETS)

    def _name(self) -> str:
        self._n_names += 1
        return f"head.{self._n_names}"

    def op(self, kind: str, *inputs: Any, **attributes: Any) -> Any:
        """Return the output of a new node."""
        import onnx_ir

        output = onnx_ir.Value(name=self._name())
        node = onnx_ir.node(kind, inputs, attributes=attributes or None, outputs=[output], name=output.name)
        self._moved.append(node)
        return output

    def array(self, values: Any, dtype: Any = np.float32) -> Any:
        """Return a constant."""
        import onnx_ir

        tensor = onnx_ir.tensor(np.ascontiguousarray(values, dtype=dtype), name=self._name())
        constant = onnx_ir.Value(name=tensor.name, type=onnx_ir.TensorType(tensor.dtype), const_value=tensor)
        constant.shape = onnx_ir.Shape(np.shape(tensor))
        self._constants.append(constant)
        return constant

    def number(self, value: float) -> Any:
        """Return a constant of one number."""
        return self.array(np.array([value]))

    def log(self, values: Any, smallest: float) -> Any:
        """Return the logarithm, of nothing that is smaller than this."""
        return self.op("Log", self.op("Max", values, self.number(smallest)))

    def times(self, values: Any, factor: Any) -> Any:
        """Return the product with a constant."""
        return self.op("Mul", values, self.array(np.ravel(factor)))

    def total(self, parts: Sequence[Any]) -> Any:
        """Return the sum of matrices."""
        return self.op("Sum", *parts)

    def softmax(self, values: Any) -> Any:
        """Return the softmax of each row."""
        return self.op("Softmax", values, axis=1)

    def shares(self, values: Any) -> Any:
        """Return values divided by the sum of their row."""
        total = self.op("ReduceSum", values, self.array([1], np.int64), keepdims=1)
        return self.op("Div", values, self.op("Max", total, self.number(1e-30)))

    def both_sides(self, second: Any) -> Any:
        """Return the probabilities of two classes, given that of the second."""
        return self.joined([self.op("Sub", self.number(1), second), second])

    def joined(self, columns: Sequence[Any]) -> Any:
        """Return matrices side by side."""
        return self.op("Concat", *columns, axis=1) if len(columns) > 1 else columns[0]

    def column(self, values: Any, place: int) -> Any:
        """Return one column as a matrix."""
        return self.op("Gather", values, self.array([place], np.int64), axis=1)

    def as_float(self, values: Any) -> Any:
        """Return values as float32."""
        import onnx_ir

        return self.op("Cast", values, to=onnx_ir.DataType.FLOAT)

    def constant_row(self, row: Any, like: Any) -> Any:
        """Return the same row for each row of another matrix."""
        n_rows = self.op("Shape", like, start=0, end=1)
        return self.op("Expand", self.array(np.reshape(row, (1, -1))), self._shape(n_rows, len(row)))

    def _shape(self, n_rows: Any, n_columns: int) -> Any:
        return self.op("Concat", n_rows, self.array([n_columns], np.int64), axis=0)

    def converted(self, classifier: Any, x: Any) -> Any:
        """Return the probabilities of a classifier of numbers, by skl2onnx.

        Raises
        ------
        ValueError
            If it cannot convert that.
        """
        return self._included(classifier, x, "probabilities", {id(classifier): {"zipmap": False}})

    def transformed(self, transformer: Any, x: Any) -> Any:
        """Return what a transformer of numbers gives, by skl2onnx.

        Raises
        ------
        ValueError
            If it cannot convert that.
        """
        return self._included(transformer, x, "variable", None)

    def _included(self, estimator: Any, x: Any, output: str, options: Any) -> Any:
        """Add the graph that skl2onnx makes of an estimator, and return one of its outputs."""
        import onnx.compose
        import onnx_ir
        from onnx_ir.passes.common import RemoveUnusedNodesPass
        from skl2onnx import to_onnx
        from skl2onnx.common.data_types import FloatTensorType

        columns = [("x", FloatTensorType([None, estimator.n_features_in_]))]
        with warnings.catch_warnings(action="ignore"):
            try:
                made = to_onnx(estimator, initial_types=columns, options=options, target_opset=OPSETS)
            except Exception as error:  # each converter raises what it likes
                reason = str(error).strip().partition("\n")[0][:120]
                raise ValueError(
                    f"skl2onnx cannot convert a fitted {type(estimator).__name__}: {type(error).__name__}: {reason}"
                ) from error
        model = onnx_ir.from_proto(onnx.compose.add_prefix(made, f"{self._name()}."))
        graph = model.graph
        found = next(value for value in graph.outputs if str(value.name).endswith(f".{output}"))
        graph.outputs[:] = [found]
        RemoveUnusedNodesPass()(model)  # those of the labels
        onnx_ir.convenience.replace_all_uses_with(graph.inputs[0], x)
        constants, nodes = list(graph.initializers.values()), list(graph)
        graph.outputs.clear()
        graph.remove(nodes)
        graph.initializers.clear()
        self._constants += constants
        self._moved += nodes
        return found
