"""Compiles a LightGBM model with lleaves, once in blocks of trees, as it is by default and best for batches, and once without, as its
documentation advises for single rows. Run in tools/python/lleaves.txt: lleaves_model.py MODEL.txt OUT_FOLDER; prints both libraries."""
import pathlib
import subprocess
import sys

import lleaves


def main(source: str, target: str) -> None:
    folder = pathlib.Path(target)
    folder.mkdir(parents=True, exist_ok=True)
    text = pathlib.Path(source).read_text()
    complete = folder / "model.txt"  # with the line that LightGBM's Python package ends its files with, and lleaves asks for
    complete.write_text(text if "pandas_categorical:" in text else text + "\npandas_categorical:null\n")
    libraries = []
    for name in ("batches", "one_row"):
        library = folder / f"lleaves_{name}.so"
        if not library.exists():
            model = lleaves.Model(model_file=str(complete))
            # Its cache is an object file; the small code model is its faster one, for forests that fit.
            made = folder / f"lleaves_{name}.o"
            made.unlink(missing_ok=True)
            model.compile(cache=str(made), fcodemodel="small", **({"fblocksize": model.num_trees()} if name == "one_row" else {}))
            subprocess.run(["gcc", "-shared", "-o", library, made, "-lm"], check=True)
        libraries.append(str(library))
    print(",".join(libraries))


main(*sys.argv[1:])
