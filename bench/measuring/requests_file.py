"""The file that http_load sends from: HTTP/1.1 requests, or gRPC calls with their headers as HPACK, each with what its reply must contain."""
import struct


def _block(data: bytes) -> bytes:
    return struct.pack("<I", len(data)) + data


def http_request(verb: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    fields = {"Host": "127.0.0.1", **{name.replace("_", "-"): value for name, value in headers.items()}}
    if body:
        fields["Content-Length"] = str(len(body))
    return "".join([f"{verb} {path} HTTP/1.1\r\n", *(f"{name}: {value}\r\n" for name, value in fields.items()), "\r\n"]).encode() + body


def write_http(path, exchanges: list) -> None:
    """exchanges: (request, what its reply's body must contain)."""
    path.write_bytes(_block(b"http") + b"".join(_block(part) for exchange in exchanges for part in exchange))


def _hpack_text(text: str) -> bytes:
    assert len(text) < 127, "longer ones need a length of several bytes"
    return bytes([len(text)]) + text.encode()


def write_grpc(path, method: str, exchanges: list, token: str = "") -> None:
    """exchanges: (message, what the reply's message must contain). As gRPC's own clients do, headers are said in full once, and then by their
    places in the table that both sides keep: the newest is 62."""
    fields = {":path": method, ":authority": "127.0.0.1", "content-type": "application/grpc", "te": "trailers",
              "user-agent": "http_load", **({"authorization": f"Bearer {token}"} if token else {})}
    post_http = b"\x83\x86"  # :method POST and :scheme http, of the static table
    first = post_http + b"".join(b"\x40" + _hpack_text(name) + _hpack_text(value) for name, value in fields.items())
    later = post_http + bytes(0x80 | (62 + place) for place in reversed(range(len(fields))))
    blocks = [b"grpc", first, later]
    for message, expected in exchanges:
        blocks += [b"\0" + struct.pack(">I", len(message)) + message, expected]
    path.write_bytes(b"".join(map(_block, blocks)))


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def field(number: int, value: bytes | str) -> bytes:
    """A field of a protobuf message whose type has a length."""
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def grpc_infer(model: str, tensor: str, shape: list, raw: bytes) -> bytes:
    """inference.ModelInferRequest with one FP32 tensor, raw."""
    tensor_of = field(1, tensor) + field(2, "FP32") + field(3, b"".join(map(_varint, shape)))
    return field(1, model) + field(5, tensor_of) + field(7, raw)
