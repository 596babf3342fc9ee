"""Asks a running server what people's own gRPC clients ask: tritonclient (sync, aio, streams) and grpcio's health probe.
$(tools/setup_python clients)/bin/python tests/grpc_clients.py HOST:PORT, where the deployment `big` has the features x (a number) and
colour (a text). Prints what it found out, a line each; exit code 1 at the first that is otherwise."""
import asyncio
import gc
import queue
import sys

import grpc
import ml_dtypes
import numpy
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException, triton_to_np_dtype

ADDRESS = sys.argv[1]
UNLIMITED = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]


def must(found, wanted):
    if found != wanted:
        raise AssertionError(f"{found!r}, expected {wanted!r}")


def refused(status, text, call, *arguments, **options):
    """The call must fail with this status, and a message that holds the text."""
    try:
        call(*arguments, **options)
    except (InferenceServerException, grpc.RpcError) as error:
        code = error.status() if isinstance(error, InferenceServerException) else str(error.code())
        said = error.message() if isinstance(error, InferenceServerException) else error.details()
        if code != f"StatusCode.{status}" or text not in said:
            raise AssertionError(f"{code}: {said}, expected {status}: {text}") from error
    else:
        raise AssertionError(f"answered, expected {status}: {text}")


def tensor(name, values, datatype, shape=None):
    values = numpy.asarray(values)
    made = triton.InferInput(name, shape or list(values.shape), datatype)
    made.set_data_from_numpy(values)
    return made


def x(*values):
    return tensor("x", numpy.array(values, dtype=numpy.float64), "FP64")


def request(*inputs, raw=(), **fields):
    made = service_pb2.ModelInferRequest(model_name="big", raw_input_contents=list(raw), **fields)
    for name, datatype, shape, contents in inputs:
        made.inputs.add(name=name, datatype=datatype, shape=shape, contents=contents)
    return made


def contents(**fields):
    return service_pb2.InferTensorContents(**fields)


def tells_what_it_is(client, stub):
    must((client.is_server_live(), client.is_server_ready()), (True, True))
    must([client.is_model_ready(*model) for model in (("big",), ("big", "1"), ("big", "2"), ("none",))], [True, True, False, False])
    must(client.get_server_metadata().name, "tidemill")
    metadata = client.get_model_metadata("big")
    must([(i.name, i.datatype) for i in metadata.inputs], [("x", "FP64"), ("colour", "BYTES")])
    must(list(metadata.versions), ["1"])
    config = client.get_model_config("big", as_json=True)["config"]
    must([o["data_type"] for o in config["output"]], ["TYPE_FP64", "TYPE_BOOL"])
    must([(m.name, m.state) for m in client.get_model_repository_index().models], [("big", "READY")])
    refused("UNIMPLEMENTED", "tidemill promote", client.load_model, "big")
    refused("UNIMPLEMENTED", "there is no method", client.get_system_shared_memory_status)


def predicts(client, stub):
    columns = [x(9, 1, 5), tensor("colour", numpy.array(["red", "blue", "grün"], dtype=object), "BYTES")]
    result = client.infer("big", columns, request_id="mine", model_version="1")
    must(result.get_response().id, "mine")
    scores = result.as_numpy("score")
    must((scores.dtype, scores.shape, bool(scores[0] > scores[1])), (numpy.float64, (3,), True))
    must(result.as_numpy("decision").tolist(), [True, False, False])
    chosen = client.infer("big", columns, outputs=[triton.InferRequestedOutput("decision")])
    must([o.name for o in chosen.get_response().outputs], ["decision"])
    classes = client.infer("big", columns, outputs=[triton.InferRequestedOutput("score", class_count=1)]).as_numpy("score")
    must([text.decode() for text in classes[:, 0]], [f"{score!r}:0" for score in scores.tolist()])
    for coding in ("gzip", "deflate"):
        must(client.infer("big", columns, compression_algorithm=coding).as_numpy("score").tolist(), scores.tolist())
    typed = stub.ModelInfer(request(("x", "FP64", [3], contents(fp64_contents=[9, 1, 5])),
                                    ("colour", "BYTES", [3], contents(bytes_contents=[b"red", b"blue", "grün".encode()]))))
    must(numpy.frombuffer(typed.raw_output_contents[0]).tolist(), scores.tolist())
    must(len(typed.parameters["prediction_id"].string_param) > 0, True)


def takes_every_datatype(client, stub):
    expected = client.infer("big", [x(7)]).as_numpy("score").tolist()
    for datatype in ("INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64", "FP16", "FP32"):
        values = numpy.array([7], dtype=triton_to_np_dtype(datatype))
        must(client.infer("big", [tensor("x", values, datatype)]).as_numpy("score").tolist(), expected)
    must(client.infer("big", [tensor("x", numpy.array([7], dtype=ml_dtypes.bfloat16), "BF16")]).as_numpy("score").tolist(), expected)
    missing = client.infer("big", [x(numpy.nan, numpy.inf, -numpy.inf)]).as_numpy("score")
    must(bool(numpy.isfinite(missing).all()), True)
    must(client.infer("big", [x()]).as_numpy("score").shape, (0,))


def refuses(client, stub):
    refused("NOT_FOUND", "did you mean 'big'?", client.infer, "bug", [x(1)])
    refused("NOT_FOUND", "serves version 1, not 2", client.infer, "big", [x(1)], model_version="2")
    refused("INVALID_ARGUMENT", "did you mean 'x'?", client.infer, "big", [tensor("y", numpy.array([1.0]), "FP64")])
    refused("INVALID_ARGUMENT", "no output 'scor'", client.infer, "big", [x(1)], outputs=[triton.InferRequestedOutput("scor")])
    refused("UNIMPLEMENTED", "sequence_", client.infer, "big", [x(1)], sequence_id=1)
    one = contents(fp64_contents=[1])
    for text, bad in (
            ("use one of them", request(("x", "FP64", [1], one), raw=[bytes(8)])),
            ("1 inputs and 2 raw", request(("x", "FP64", [1], None), raw=[bytes(8), b""])),
            ("no inputs", request()),
            ("unknown datatype 'COMPLEX'", request(("x", "COMPLEX", [1], one))),
            ("raw_input_contents only", request(("x", "FP16", [1], contents(fp32_contents=[1])))),
            ("must be in fp64_contents", request(("x", "FP64", [1], contents(fp32_contents=[1])))),
            ("cannot hold 300", request(("x", "UINT8", [1], contents(uint_contents=[300])))),
            ("has 1 values, its shape says 2", request(("x", "FP64", [2], one))),
            ("has 7 bytes", request(("x", "FP64", [1], None), raw=[bytes(7)])),
            ("negative", request(("x", "FP64", [-1], one))),
            ("overflows", request(("x", "FP64", [1 << 62, 4], one))),
            ("not UTF-8", request(("colour", "BYTES", [1], contents(bytes_contents=[b"\xff"])))),
            ("is given twice", request(("x", "FP64", [1], one), ("x", "FP64", [1], one)))):
        refused("INVALID_ARGUMENT", text, stub.ModelInfer, bad)
    refused("RESOURCE_EXHAUSTED", "limit 100000", stub.ModelInfer, request(("x", "FP64", [100001], one)))


def bounds_messages(client, stub):
    with grpc.insecure_channel(ADDRESS, options=UNLIMITED) as channel:
        large = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        refused("RESOURCE_EXHAUSTED", "larger than max", large.ModelInfer, request(("x", "FP64", [1], None), raw=[bytes(65 << 20)]))
        refused("RESOURCE_EXHAUSTED", "more than 67108864 bytes", large.ModelInfer, request(("x", "FP64", [1], None), raw=[bytes(65 << 20)]),
                compression=grpc.Compression.Gzip)
        rows = request(("x", "FP64", [100_000], None), raw=[bytes(800_000)])
        must(len(large.ModelInfer(rows).raw_output_contents[0]), 800_000)
        many = service_pb2.ModelInferRequest(model_name="big", raw_input_contents=[b""] * 1_000_000)
        refused("RESOURCE_EXHAUSTED", "more than 100000 tensors", large.ModelInfer, many)
        bytes_in = lambda raw: raw
        broken = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer", bytes_in, bytes_in)
        refused("INVALID_ARGUMENT", "not a valid protocol buffer", broken, b"\xff\xff\xff")
        refused("INVALID_ARGUMENT", "not a valid protocol buffer", broken, b"\x0a\x03big\x2b\x2b\x2b")
        refused("UNIMPLEMENTED", "there is no method /other.Service/Call", channel.unary_unary("/other.Service/Call", bytes_in, bytes_in), b"")
        refused("INVALID_ARGUMENT", "without a message",
                channel.stream_unary("/inference.GRPCInferenceService/ModelInfer", bytes_in, bytes_in), iter(()))


def heeds_deadlines(client, stub):
    refused("DEADLINE_EXCEEDED", "", client.infer, "big", [x(*range(100_000))], client_timeout=1e-3)
    refused("DEADLINE_EXCEEDED", "time was over", client.infer, "big", [x(*range(10_000))], timeout=1, client_timeout=30)
    must(client.infer("big", [x(1)], timeout=30_000_000).as_numpy("score").shape, (1,))
    must(client.infer("big", [x(1)], client_timeout=30).as_numpy("score").shape, (1,))


def streams(client, stub):
    answers = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    for value in range(20):
        client.async_stream_infer("big", [x(value)], request_id=str(value))
    client.async_stream_infer("bug", [x(1)])
    client.async_stream_infer("big", [x(1)], request_id="last")
    for value in range(20):
        result, error = answers.get(timeout=30)
        must((error, result.get_response().id), (None, str(value)))
    result, error = answers.get(timeout=30)
    must((result, "there is no deployment 'bug'" in error.message()), (None, True))
    must(answers.get(timeout=30)[0].get_response().id, "last")
    client.stop_stream()


def watches(client, stub):
    with grpc.insecure_channel(ADDRESS) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        check = lambda service: health.Check(health_pb2.HealthCheckRequest(service=service))
        must([check(service).status for service in ("", "inference.GRPCInferenceService")], [health_pb2.HealthCheckResponse.SERVING] * 2)
        refused("NOT_FOUND", "no service 'none'", check, "none")
        watch = health.Watch(health_pb2.HealthCheckRequest(service="none"))
        must(next(watch).status, health_pb2.HealthCheckResponse.SERVICE_UNKNOWN)
        watch.cancel()


async def serves_aio():
    async with triton_aio.InferenceServerClient(ADDRESS) as client:
        must(await client.is_server_ready(), True)
        results = await asyncio.gather(*(client.infer("big", [x(value % 10)], request_id=str(value)) for value in range(200)))
        must([result.get_response().id for result in results], [str(value) for value in range(200)])

        async def requests():
            for value in range(3):
                yield {"model_name": "big", "inputs": [x(value)], "request_id": str(value)}
        must([result.get_response().id async for result, error in client.stream_infer(requests())], ["0", "1", "2"])


def counts(client, stub):
    stats = client.get_inference_statistics("big").model_stats[0]
    must((stats.version, stats.inference_stats.success.count > 200, stats.inference_stats.fail.count > 10), ("1", True, True))


def main():
    with triton.InferenceServerClient(ADDRESS) as client, grpc.insecure_channel(ADDRESS) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        for found_out in (tells_what_it_is, predicts, takes_every_datatype, refuses, bounds_messages, heeds_deadlines, streams, watches):
            found_out(client, stub)
            print(found_out.__name__.replace("_", " "), flush=True)
        asyncio.run(serves_aio())
        print("serves aio")
        counts(client, stub)
        print("counts")
    gc.collect()


if __name__ == "__main__":
    main()
