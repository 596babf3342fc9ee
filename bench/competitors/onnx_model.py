"""Writes a forest as ONNX: one TreeEnsembleRegressor of margins, which needs no labels, no second output and no second operator, as a
converted classifier has them; forest_bench applies the logistic link. Run in tools/python/onnxruntime.txt: onnx_model.py MODEL.trees.json OUT; prints the library's path."""
import glob
import json
import math
import os
import sys

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper


def float_at_most(x: float) -> float:
    """Floats are ≤ x exactly when they are ≤ the largest float that is."""
    near = numpy.float32(x)
    return float(near if float(near) <= x else numpy.nextafter(near, numpy.float32(-math.inf)))


def main(source: str, target: str) -> None:
    forest = json.load(open(source))
    equal = forest["goes_left_if_equal"]
    nodes = {name: [] for name in ("treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids",
                                   "missing_value_tracks_true")}
    leaves = {name: [] for name in ("treeids", "nodeids", "ids", "weights")}
    for tree, content in enumerate(forest["trees"]):
        for place, (left, right, feature, value, default_left) in enumerate(content):
            leaf = left < 0
            nodes["treeids"].append(tree)
            nodes["nodeids"].append(place)
            nodes["featureids"].append(0 if leaf else feature)
            nodes["modes"].append("LEAF" if leaf else "BRANCH_LEQ" if equal else "BRANCH_LT")
            nodes["values"].append(0.0 if leaf else float_at_most(value) if equal else value)
            nodes["truenodeids"].append(0 if leaf else left)
            nodes["falsenodeids"].append(0 if leaf else right)
            nodes["missing_value_tracks_true"].append(int(default_left))
            if leaf:
                for name, entry in zip(leaves, (tree, place, 0, value)):
                    leaves[name].append(entry)
    node = helper.make_node(
        "TreeEnsembleRegressor", ["rows"], ["scores"], domain="ai.onnx.ml", n_targets=1,
        aggregate_function="SUM", base_values=[forest["base_margin"]],
        **{f"nodes_{name}": values for name, values in nodes.items()},
        **{f"target_{name}": values for name, values in leaves.items()})
    graph = helper.make_graph(
        [node], "forest", [helper.make_tensor_value_info("rows", TensorProto.FLOAT, [None, forest["features"]])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [None, 1])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, target)
    print(glob.glob(os.path.join(os.path.dirname(onnxruntime.__file__), "capi", "libonnxruntime.so.*"))[0])


main(*sys.argv[1:])
