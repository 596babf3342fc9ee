"""Holds a running server against the OpenAPI description that it gives of itself: the document is valid OpenAPI 3.1, and schemathesis finds no
request, right or wrong, that is answered otherwise than it says. $(tools/setup_python openapi)/bin/python tests/openapi.py URL [TOKEN]
Prints what it found out, a line each; exit code 1 at the first that is otherwise. What is checked, and what is not and why: openapi.toml."""
import json
import pathlib
import subprocess
import sys
import tempfile
import urllib.request

from openapi_spec_validator import OpenAPIV31SpecValidator

URL, TOKEN = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
HERE = pathlib.Path(__file__).resolve().parent
SEED, EXAMPLES = 20131230, 8
# Wrong requests are wrong whoever sends them: with a token, only that it is asked for.
MODE = "positive" if TOKEN else "all"
PREDICTING = {"/v2/models/{}/infer", "/invocations/{}", "/predict/{}"}


def headers() -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKEN}"} if TOKEN else {}


def must(truth: bool, otherwise: str) -> None:
    if not truth:
        sys.exit(otherwise)


with urllib.request.urlopen(urllib.request.Request(f"{URL}/openapi.json", headers=headers())) as answer:
    document = json.load(answer)
OpenAPIV31SpecValidator(document).validate()
print("is valid")

named = {path for path in document["paths"] for pattern in PREDICTING if path == pattern.format("big")}
must(named == {pattern.format("big") for pattern in PREDICTING}, f"of the deployment big there is only {named}")
print("describes each deployment")

with tempfile.TemporaryDirectory() as folder:
    fuzzed = subprocess.run(
        [pathlib.Path(sys.executable).parent / "schemathesis", "--config-file", HERE / "openapi.toml", "--no-color", "run", f"{URL}/openapi.json",
         "--mode", MODE, "--seed", str(SEED), "--max-examples", str(EXAMPLES), "--generation-database", "none", "--suppress-health-check", "all",
         *(part for name, value in headers().items() for part in ("-H", f"{name}: {value}"))],
        cwd=folder, capture_output=True, text=True, check=False)
    must(fuzzed.returncode == 0, fuzzed.stdout[-20000:] + fuzzed.stderr[-2000:])
print("answers as it says")
