"""A forest in Yggdrasil Decision Forests: its trees set one by one in a model of its own. The package has no C functions, so this
process takes the turns, with YDF's own benchmark, which times its C++ engine and not Python. Run in tools/python/ydf.txt:
ydf.py MODEL.trees.json ROWS OUT; prints the file of its scores, then answers lines "ROWS THREADS SECONDS" with ns a row."""
import json
import math
import re
import sys

sys.modules.pop("ydf", None)
sys.path.pop(0)  # this folder, where this file would be taken for the package
import numpy
import ydf
from ydf.model import tree as trees


def converted(nodes: list, at: int, equal: bool) -> object:
    left, right, feature, value, default_left = nodes[at]
    if left < 0:
        return trees.Leaf(value=trees.RegressionValue(num_examples=1, value=value))
    if equal:  # x ≤ t of doubles is x < the next float above of floats
        near = numpy.float32(value)
        value = float(near if float(near) > value else numpy.nextafter(near, numpy.float32(math.inf)))
    condition = trees.NumericalHigherThanCondition(missing=not default_left, score=0, attribute=feature + 1, threshold=value)
    return trees.NonLeaf(condition=condition, value=trees.RegressionValue(num_examples=1, value=0),
                         pos_child=converted(nodes, right, equal), neg_child=converted(nodes, left, equal))


def main(source: str, rows: str, scores: str) -> None:
    forest = json.load(open(source))
    columns = numpy.fromfile(rows, numpy.float32).reshape(-1, forest["features"]).T.copy()
    data = {f"f{i:03}": column for i, column in enumerate(columns)}
    few = {name: numpy.nan_to_num(column[:1000]) for name, column in data.items()}
    few["y"] = numpy.array(["no", "yes"] * 500)
    model = ydf.GradientBoostedTreesLearner(label="y", num_trees=1, max_depth=2, validation_ratio=0.0, num_threads=1).train(few, verbose=0)
    no_missing = not numpy.isnan(columns).any()
    spec = model.data_spec()
    for i in range(forest["features"]):
        assert spec.columns[i + 1].name == f"f{i:03}"
    for i, nodes in enumerate(forest["trees"]):
        root = converted(nodes, 0, forest["goes_left_if_equal"])
        if no_missing:  # its fast engines fill in means, so what nobody asks for is as if they had been
            fill(root, spec)
        if i == 0:
            model.set_tree(0, trees.Tree(root))
        else:
            model.add_tree(trees.Tree(root))
    model.set_initial_predictions([forest["base_margin"]])
    numpy.asarray(model.predict(data), numpy.float32).tofile(scores)
    print(model.list_compatible_engines(), file=sys.stderr)
    print(scores, flush=True)
    for line in sys.stdin:
        count, threads, seconds = int(line.split()[0]), int(line.split()[1]), float(line.split()[2])
        result = model.benchmark(data, benchmark_duration=seconds, warmup_duration=seconds / 4, batch_size=count, num_threads=threads)
        if threads == 1:
            print(result.duration_per_example.total_seconds() * 1e9 if hasattr(result.duration_per_example, "total_seconds")
                  else float(result.duration_per_example) * 1e9, flush=True)
        else:
            print(float(re.search(r"Multi-thread inference time per example: ([0-9.]+) us", str(result)).group(1)) * 1e3, flush=True)


def fill(node: object, spec: object) -> None:
    if node.is_leaf:
        return
    node.condition.missing = spec.columns[node.condition.attribute].numerical.mean >= node.condition.threshold
    fill(node.pos_child, spec)
    fill(node.neg_child, spec)


main(*sys.argv[1:])
