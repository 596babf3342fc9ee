#include "api/content_coding.hpp"

#include <memory>

#include <fmt/format.h>
#include <zlib.h>

#include "api/replies.hpp"

namespace tidemill::api {

namespace {

constexpr size_t kMostDecodedAtOnce = size_t{256} << 10;  // by a thread that serves other connections too
constexpr size_t kLeastEncoded = size_t{4} << 10;         // a shorter answer goes as it is
constexpr size_t kPiece = size_t{64} << 10;
constexpr int kFastest = 1;
constexpr int kMaxWindow = 15, kGzipHeader = 16;  // zlib's windowBits

int window_bits(Coding coding) { return coding == Coding::Gzip ? kMaxWindow + kGzipHeader : kMaxWindow; }

std::string_view name_of(Coding coding) { return coding == Coding::Gzip ? "gzip" : "deflate"; }

std::optional<Coding> coding_named(std::string_view name) {
  if (is_word(name, "identity")) return Coding::Identity;
  if (is_word(name, "gzip") || is_word(name, "x-gzip")) return Coding::Gzip;
  if (is_word(name, "deflate")) return Coding::Deflate;
  return std::nullopt;
}

void encode_answer(Response& response, Coding coding) {
  if (coding == Coding::Identity || response.body.size() < kLeastEncoded) return;
  response.body = encode(response.body, coding);
  response.headers.emplace_back("Content-Encoding", name_of(coding));
  response.headers.emplace_back("Vary", "Accept-Encoding");
}

Response done_by(Answer answer, Coding accepted) {
  Response response =
      std::holds_alternative<Work>(answer) ? std::get<Work>(answer)() : std::get<Response>(std::move(answer));
  encode_answer(response, accepted);
  return response;
}

// A request whose body has been decoded.
struct Decoded {
  Decoded(const Request& as_sent, std::string decoded) : body(std::move(decoded)), request(as_sent) {
    request.body = body;
  }
  Decoded(const Decoded&) = delete;
  Decoded& operator=(const Decoded&) = delete;
  const std::string body;
  Request request;
};

}  // namespace

Result<Coding> content_coding(std::string_view header) {
  if (header.empty()) return Coding::Identity;
  if (const auto coding = coding_named(header)) return *coding;
  return user_error(
      "http.media_type",
      fmt::format("the body has the Content-Encoding '{}', known are gzip and deflate", header));
}

Coding accepted_coding(std::string_view header) {
  Coding best = Coding::Identity;
  double best_weight = 0;
  while (!header.empty()) {
    const Accepted accepted = take_accepted(header);
    const auto coding = coding_named(accepted.name);
    if (!coding || accepted.weight <= best_weight) continue;
    best = *coding;
    best_weight = accepted.weight;
  }
  return best;
}

Result<std::string> decode(std::string_view body, Coding coding, size_t max_bytes) {
  if (coding == Coding::Identity) return std::string(body);
  const auto broken = [&] {
    return user_error(
        "http.coding",
        fmt::format("the body is not {}, as its Content-Encoding says, or it breaks off", name_of(coding)));
  };
  z_stream stream{};
  if (inflateInit2(&stream, window_bits(coding)) != Z_OK)
    return environment_error("http.overloaded", "no memory to read a compressed body");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, inflateEnd);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());
  std::string decoded;
  for (int state = Z_OK; state != Z_STREAM_END;) {
    const size_t before = decoded.size();
    decoded.resize(before + kPiece);
    stream.next_out = reinterpret_cast<Bytef*>(decoded.data() + before);
    stream.avail_out = kPiece;
    state = inflate(&stream, Z_NO_FLUSH);
    decoded.resize(before + kPiece - stream.avail_out);
    if (decoded.size() > max_bytes)
      return user_error("http.too_large",
                        fmt::format("the body has more than {} bytes once decoded", max_bytes));
    if (state != Z_OK && state != Z_STREAM_END) return broken();
  }
  if (stream.avail_in > 0) return broken();
  return decoded;
}

std::string encode(std::string_view body, Coding coding) {
  if (coding == Coding::Identity) return std::string(body);
  z_stream stream{};
  constexpr int kMemory = 8;
  if (deflateInit2(&stream, kFastest, Z_DEFLATED, window_bits(coding), kMemory, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::bad_alloc();
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, deflateEnd);
  std::string encoded(deflateBound(&stream, body.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());
  stream.next_out = reinterpret_cast<Bytef*>(encoded.data());
  stream.avail_out = static_cast<uInt>(encoded.size());
  deflate(&stream, Z_FINISH);
  encoded.resize(encoded.size() - stream.avail_out);
  return encoded;
}

bool is_coded(const Request& request) {
  return !request.header("content-encoding").empty() || !request.header("accept-encoding").empty();
}

Answer answer_coded(const Request& request, size_t max_body_bytes, const Handler& handler, ErrorForm form) {
  const auto coding = content_coding(request.header("content-encoding"));
  if (!coding) return error_reply(coding.error(), form);
  const Coding accepted = accepted_coding(request.header("accept-encoding"));
  if (*coding == Coding::Identity) {
    Answer answer = handler(request);
    if (accepted == Coding::Identity) return answer;
    if (auto* work = std::get_if<Work>(&answer))
      return Work([work = std::move(*work), accepted] { return done_by(work, accepted); });
    encode_answer(std::get<Response>(answer), accepted);
    return answer;
  }

  auto decoded = decode(request.body, *coding, std::min(max_body_bytes, kMostDecodedAtOnce));
  if (decoded) {
    const auto whole = std::make_shared<const Decoded>(request, std::move(*decoded));
    Answer answer = handler(whole->request);
    if (auto* work = std::get_if<Work>(&answer))
      return Work([whole, work = std::move(*work), accepted] { return done_by(work, accepted); });
    encode_answer(std::get<Response>(answer), accepted);
    return answer;
  }
  if (decoded.error().code != "http.too_large") return error_reply(decoded.error(), form);
  return Work([&request, max_body_bytes, handler, coding = *coding, accepted, form]() -> Response {
    auto body = decode(request.body, coding, max_body_bytes);
    if (!body) return error_reply(body.error(), form);
    const Decoded whole(request, std::move(*body));
    return done_by(handler(whole.request), accepted);
  });
}

}  // namespace tidemill::api
