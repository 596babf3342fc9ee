"""Hands a forest to treelite, and has tl2cgen write it as C, compiled with -O3 for this machine. Run in tools/python/treelite.txt:
treelite_model.py MODEL OUT_FOLDER [tl2cgen]; prints what forest_bench wants to know."""
import concurrent.futures
import os
import pathlib
import subprocess
import sys

import treelite

PARTS_OF_TREES = 50  # in a file of its own: compilers take more than linear time


def main(source: str, target: str, compiled: str = "") -> None:
    folder = pathlib.Path(target)
    folder.mkdir(parents=True, exist_ok=True)
    load = treelite.frontend.load_lightgbm_model if source.endswith(".txt") else treelite.frontend.load_xgboost_model
    model = load(source)
    if not compiled:
        model.serialize(folder / "model.treelite")
        print(f"{os.path.dirname(treelite.__file__)}/lib/libtreelite.so,{folder / 'model.treelite'}")
        return
    library = folder / "tl2cgen.so"
    if not library.exists():
        import tl2cgen
        tl2cgen.generate_c_code(model, dirpath=folder / "c", params={"parallel_comp": max(1, model.num_tree // PARTS_OF_TREES)})
        sources = sorted((folder / "c").glob("*.c"))

        def compile_one(file: pathlib.Path) -> None:
            subprocess.run(["gcc", "-O3", "-march=native", "-std=gnu99", "-fPIC", "-c", file, "-o", file.with_suffix(".o")], check=True)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(compile_one, sources))
        made = library.with_suffix(".part")
        subprocess.run(["gcc", "-shared", "-o", made, *[file.with_suffix(".o") for file in sources], "-lm"], check=True)
        made.rename(library)
    print(library)


main(*sys.argv[1:])
