"""Asks a running server what people's own HTTP client of the protocol asks: tritonclient (sync and aio), in every form that it has.
$(tools/setup_python clients)/bin/python tests/http_clients.py HOST:PORT, where the deployment `big` has the features x (a number) and
colour (a text). Prints what it found out, a line each; exit code 1 at the first that is otherwise."""
import asyncio
import itertools
import sys

import numpy
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from tritonclient.utils import InferenceServerException

ADDRESS = sys.argv[1]


def must(found, wanted):
    if found != wanted:
        raise AssertionError(f"{found!r}, expected {wanted!r}")


def refused(status, text, call, *arguments, **options):
    """The call must fail with this status, and a message that holds the text."""
    try:
        call(*arguments, **options)
    except InferenceServerException as error:
        if error.status() != str(status) or text not in error.message():
            raise AssertionError(f"{error.status()}: {error.message()}, expected {status}: {text}") from error
    else:
        raise AssertionError(f"answered, expected {status}: {text}")


def tensor(name, values, datatype, binary=True, of=triton):
    values = numpy.asarray(values)
    made = of.InferInput(name, list(values.shape), datatype)
    made.set_data_from_numpy(values, binary_data=binary)
    return made


def columns(rows, binary=True, of=triton):
    x = numpy.arange(rows, dtype=numpy.float64) % 10
    colour = numpy.array(["red", "blue", "grün", ""], dtype=object)[numpy.arange(rows) % 4]
    return [tensor("x", x, "FP64", binary, of), tensor("colour", colour, "BYTES", binary, of)]


def tells_what_it_is(client):
    must((client.is_server_live(), client.is_server_ready()), (True, True))
    must([client.is_model_ready(*model) for model in (("big",), ("big", "1"), ("big", "2"), ("none",))], [True, True, False, False])
    must(client.get_server_metadata()["name"], "tidemill")
    metadata = client.get_model_metadata("big")
    must([(i["name"], i["datatype"]) for i in metadata["inputs"]], [("x", "FP64"), ("colour", "BYTES")])
    must([o["data_type"] for o in client.get_model_config("big")["output"]], ["TYPE_FP64", "TYPE_BOOL"])
    must([(m["name"], m["state"]) for m in client.get_model_repository_index()], [("big", "READY")])
    refused(501, "tidemill promote", client.load_model, "big")
    refused(501, "shared memory", client.get_system_shared_memory_status)
    refused(501, "not supported", client.get_trace_settings)


def answers_alike_in_every_form(client):
    rows = 1000
    expected = client.infer("big", columns(rows)).as_numpy("score")
    must((expected.dtype, expected.shape), (numpy.dtype("float64"), (rows,)))
    codings = (None, "gzip", "deflate")
    for binary_in, binary_out, sent, wanted in itertools.product((True, False), (True, False), codings, codings):
        outputs = [triton.InferRequestedOutput(name, binary_data=binary_out) for name in ("decision", "score")]
        result = client.infer("big", columns(rows, binary_in), outputs=outputs, request_id="mine", model_version="1",
                              request_compression_algorithm=sent, response_compression_algorithm=wanted)
        must(result.get_response()["id"], "mine")
        must([o["name"] for o in result.get_response()["outputs"]], ["decision", "score"])
        must(("parameters" in result.get_output("score")), binary_out)
        must(numpy.array_equal(result.as_numpy("score"), expected), True)
        must(numpy.array_equal(result.as_numpy("decision"), expected >= 0.5), True)


def takes_every_datatype(client):
    of_double = client.infer("big", [tensor("x", numpy.array([7.0]), "FP64")]).as_numpy("score")
    for datatype, kind in (("UINT8", "uint8"), ("UINT16", "uint16"), ("UINT32", "uint32"), ("UINT64", "uint64"), ("INT8", "int8"),
                           ("INT16", "int16"), ("INT32", "int32"), ("INT64", "int64"), ("FP16", "float16"), ("FP32", "float32")):
        for binary in (True, False):
            if (datatype, binary) == ("FP16", False):
                continue   # it has no JSON form
            given = tensor("x", numpy.array([7], dtype=kind), datatype, binary)
            must(client.infer("big", [given]).as_numpy("score")[0], of_double[0])


def answers_the_edges(client):
    nothing = client.infer("big", [tensor("x", numpy.zeros((0,)), "FP64")]).as_numpy("score")
    must(nothing.shape, (0,))
    missing = client.infer("big", [tensor("x", numpy.array([numpy.nan]), "FP64")]).as_numpy("score")
    absent = client.infer("big", [tensor("colour", numpy.array(["red"], dtype=object), "BYTES")]).as_numpy("score")
    must((missing.shape, absent.shape), ((1,), (1,)))
    labelled = triton.InferRequestedOutput("score", binary_data=True, class_count=3)
    must(client.infer("big", columns(2), outputs=[labelled]).as_numpy("score").shape, (2, 1))
    text = "x" * 100_000
    client.infer("big", [tensor("colour", numpy.array([text], dtype=object), "BYTES")])


def refuses(client):
    refused(404, "no deployment", client.infer, "none", columns(1))
    refused(404, "serves version 1", client.infer, "big", columns(1), model_version="7")
    refused(400, "no input 'y'", client.infer, "big", [tensor("y", numpy.array([1.0]), "FP64")])
    refused(400, "no output 'scre'", client.infer, "big", columns(1), outputs=[triton.InferRequestedOutput("scre")])
    refused(400, "given twice", client.infer, "big", [tensor("x", numpy.array([1.0]), "FP64")] * 2)
    refused(400, "datatype", client.infer, "big", [tensor("x", numpy.array(["1"], dtype=object), "BYTES")])
    refused(413, "limit 100000", client.infer, "big", [tensor("x", numpy.zeros(100_001), "FP64")])
    refused(504, "time was over", client.infer, "big", columns(10_000), timeout=1)
    must(client.infer("big", columns(2), timeout=30_000_000).as_numpy("score").shape, (2,))
    refused(501, "'sequence_id'", client.infer, "big", columns(1), sequence_id=1, sequence_start=True)


def counts(client):
    stats = client.get_inference_statistics("big", "1")["model_stats"][0]
    must(stats["inference_stats"]["success"]["count"] >= 50, True)
    must(stats["inference_stats"]["fail"]["count"] >= 6, True)


async def serves_aio():
    async with triton_aio.InferenceServerClient(ADDRESS) as client:
        must(await client.is_server_ready(), True)
        results = await asyncio.gather(*(client.infer("big", columns(n, of=triton_aio)) for n in range(1, 40)))
        must([r.as_numpy("score").shape for r in results], [(n,) for n in range(1, 40)])


def main():
    with triton.InferenceServerClient(ADDRESS) as client:
        for ask in (tells_what_it_is, answers_alike_in_every_form, takes_every_datatype, answers_the_edges, refuses, counts):
            ask(client)
            print(ask.__name__.replace("_", " "))
    asyncio.run(serves_aio())
    print("serves aio")


main()
