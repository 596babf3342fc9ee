#include "api/v2_endpoints.hpp"

#include <charconv>

#include <fmt/format.h>

#include "api/prediction_headers.hpp"
#include "api/replies.hpp"
#include "api/repository.hpp"
#include "api/turn.hpp"
#include "api/v2.hpp"
#include "api/v2_description.hpp"
#include "serving/request_keys.hpp"

namespace tidemill::api {

namespace {

Response finish(const Inference::Call& call, Response response) {
  call.flight->count(response.status);
  return response;
}

Response predict(Inference& inference, const Inference::Call& call, Inference::Asked asked,
                 const V2Request& request) {
  if (const auto in_time = check_time(call, request.timeout); !in_time)
    return finish(call, error_reply(in_time.error()));
  // The protocol's own word for it comes before the header.
  if (!request.infer.id.empty()) asked.prediction_id = asked.request_id = request.infer.id;
  constexpr size_t kMostKeptRows = 64;
  thread_local Inference::Predicted predicted;  // the next one is made in its memory
  if (predicted.response.rows > kMostKeptRows) predicted = {};
  if (const auto done = inference.predict(call, asked, request.infer, predicted); !done)
    return finish(call, error_reply(done.error()));
  V2Reply reply =
      infer_reply(request, predicted.response, predicted.chosen.live->predictor->package().classes);
  Response response{200, "application/json", std::move(reply.body), {}};
  add_prediction_headers(response, std::move(predicted.chosen));
  if (reply.json_bytes) {
    response.content_type = "application/octet-stream";
    response.headers.emplace_back("Inference-Header-Content-Length", std::to_string(*reply.json_bytes));
  }
  return finish(call, std::move(response));
}

Result<std::optional<size_t>> json_bytes_of(const Request& request) {
  const std::string_view header = request.header("inference-header-content-length");
  if (header.empty()) return std::nullopt;
  size_t bytes = 0;
  const auto [end, error] = std::from_chars(header.data(), header.data() + header.size(), bytes);
  if (error != std::errc{} || end != header.data() + header.size())
    return user_error("v2.malformed", "Inference-Header-Content-Length is not a number");
  return bytes;
}

Answer infer(Inference& inference, const Request& request, const Parameters& parameters) {
  Inference::Call call = inference.begin(parameters.deployment, "v2", request.deadline);
  const auto refuse = [](const Inference::Call& refused, const Error& error) {
    return finish(refused, error_reply(error));
  };
  if (const auto can = inference.check(call, parameters.version); !can) return refuse(call, can.error());
  const auto json_bytes = json_bytes_of(request);
  if (!json_bytes) return refuse(call, json_bytes.error());
  return in_turn<Response, V2Request>(
      call, request.body.size(),
      [&body = request.body, json_bytes = *json_bytes, live = call.live](V2Request& into) -> Result<void> {
        TM_CHECK(parse_infer_request(body, json_bytes, into));
        return serving::take_keys(into.infer, *live);
      },
      [&inference, asked = asked_of(request)](const Inference::Call& asking, const V2Request& read) {
        return predict(inference, asking, asked, read);
      },
      refuse);
}

Answer metadata(const Inference& inference, const Parameters& parameters) {
  const auto told = repository_metadata(inference, parameters.deployment, parameters.version);
  return told ? json_reply(*told) : error_reply(told.error());
}

Answer config(const Inference& inference, const Parameters& parameters) {
  const auto live = inference.look(parameters.deployment, parameters.version);
  return live ? json_reply(model_config(**live)) : error_reply(live.error());
}

Answer statistics(const Inference& inference, const Parameters& parameters) {
  const auto told = repository_statistics(inference, parameters.deployment, parameters.version);
  return told ? json_reply(*told) : error_reply(told.error());
}

Answer index(const Inference& inference, const Request& request) {
  Listed listed = Listed::All;
  if (!request.body.empty()) {
    const auto body = parse_json(request.body);
    if (!body) return error_reply(body.error());
    if (!body->is_object())
      return error_reply(Error{ErrorKind::User, "v2.malformed", "the body must be a JSON object"});
    const Json ready = body->value("ready", Json(false));
    if (!ready.is_boolean())
      return error_reply(Error{ErrorKind::User, "v2.malformed", "'ready' must be true or false"});
    if (ready.get<bool>()) listed = Listed::ReadyOnly;
  }
  return json_reply(repository_index(inference, listed));
}

Answer ready(const Inference& inference, const Parameters& parameters) {
  if (inference.ready(parameters.deployment, parameters.version)) return empty_reply(200);
  const auto live = inference.look(parameters.deployment, parameters.version);
  if (!live && http_status(live.error()) == 404) return error_reply(live.error());
  return empty_reply(503);
}

// "/v2/trace/setting" → "getV2TraceSetting".
std::string operation_of(std::string_view method, std::string_view path) {
  std::string out = method == "GET" ? "get" : "post";
  bool begins = true;
  for (const char c : path) {
    if (std::string_view("/{}_").find(c) == std::string_view::npos)
      out += begins && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    begins = c == '/' || c == '{';
  }
  return out;
}

// Of Triton's extensions, what a server of deployments has not.
void add_unsupported(std::vector<Endpoint>& endpoints) {
  const auto add = [&](std::string_view method, std::string_view path, std::string_view why) {
    endpoints.emplace_back(
        method, path, Scope::Predict, describe_unsupported(operation_of(method, path), why),
        [why](const Request&, const Parameters&) {
          return Answer(error_reply(Error{ErrorKind::User, "http.not_implemented", std::string(why)}));
        });
  };
  add("POST", "/v2/repository/models/{deployment}/load", kLoadUnsupported);
  add("POST", "/v2/repository/models/{deployment}/unload", kLoadUnsupported);
  constexpr std::string_view kShared = "shared memory is not supported: send tensors in the body";
  for (const std::string_view kind : {"/v2/systemsharedmemory", "/v2/cudasharedmemory"}) {
    const bool system = kind == "/v2/systemsharedmemory";
    add("GET", kind, kShared);
    add("GET", system ? "/v2/systemsharedmemory/status" : "/v2/cudasharedmemory/status", kShared);
    add("POST", system ? "/v2/systemsharedmemory/unregister" : "/v2/cudasharedmemory/unregister", kShared);
    add("GET",
        system ? "/v2/systemsharedmemory/region/{region}/status"
               : "/v2/cudasharedmemory/region/{region}/status",
        kShared);
    add("POST",
        system ? "/v2/systemsharedmemory/region/{region}/register"
               : "/v2/cudasharedmemory/region/{region}/register",
        kShared);
    add("POST",
        system ? "/v2/systemsharedmemory/region/{region}/unregister"
               : "/v2/cudasharedmemory/region/{region}/unregister",
        kShared);
  }
  constexpr std::string_view kSettings = "trace and log settings are not supported";
  for (const std::string_view method : {"GET", "POST"}) {
    add(method, "/v2/trace/setting", kSettings);
    add(method, "/v2/models/{deployment}/trace/setting", kSettings);
    add(method, "/v2/logging", kSettings);
  }
}

}  // namespace

std::vector<Endpoint> v2_endpoints(Inference& inference) {
  const auto answers = [&inference](auto function) {
    return [&inference, function](const Request&, const Parameters& parameters) -> Answer {
      return function(inference, parameters);
    };
  };
  const auto infers = [&inference](const Request& request, const Parameters& parameters) {
    return infer(inference, request, parameters);
  };
  const auto lists = [&inference](const Request& request, const Parameters&) {
    return index(inference, request);
  };
  const auto is_ready = answers(
      [](const Inference& all, const Parameters&) { return Answer(empty_reply(all.ready() ? 200 : 503)); });
  const auto lives = [](const Request&, const Parameters&) { return Answer(empty_reply(200)); };
  const auto describes = [](const Request&, const Parameters&) {
    return Answer(json_reply(server_metadata()));
  };
  constexpr std::string_view kMetadata = "The model's inputs and outputs.";
  constexpr std::string_view kReady = "Whether it can predict.";
  constexpr std::string_view kConfig = "The model's inputs and outputs, as Triton's configuration has them.";
  constexpr std::string_view kStatistics = "Requests, rows and nanoseconds since the start.";
  const auto look = [](std::string_view path, std::string operation, std::string_view summary,
                       std::string_view schema, Endpoint::Handler handler) {
    return Endpoint("GET", path, Scope::Read, describe_look(std::move(operation), summary, schema),
                    std::move(handler));
  };
  const auto health = [](std::string_view path, std::string operation, std::string_view summary,
                         Endpoint::Handler handler) {
    return Endpoint("GET", path, Scope::Open, describe_health(std::move(operation), summary),
                    std::move(handler));
  };
  std::vector<Endpoint> endpoints{
      {"POST", "/v2/models/{deployment}/infer", Scope::Predict, describe_infer("infer"), infers,
       describe_infer_of},
      {"POST", "/v2/models/{deployment}/versions/{version}/infer", Scope::Predict,
       describe_infer("inferVersion"), infers},
      {"GET", "/v2", Scope::Open,
       describe_look("serverMetadata", "The server's name, version and extensions.", "ServerMetadata"),
       describes},
      health("/v2/health/live", "serverLive", "Whether the server runs.", lives),
      health("/v2/health/ready", "serverReady", "Whether every deployment can predict.", is_ready),
      look("/v2/models/stats", "statistics", kStatistics, "Statistics", answers(statistics)),
      look("/v2/models/{deployment}", "modelMetadata", kMetadata, "ModelMetadata", answers(metadata)),
      look("/v2/models/{deployment}/versions/{version}", "versionMetadata", kMetadata, "ModelMetadata",
           answers(metadata)),
      health("/v2/models/{deployment}/ready", "modelReady", kReady, answers(ready)),
      health("/v2/models/{deployment}/versions/{version}/ready", "versionReady", kReady, answers(ready)),
      look("/v2/models/{deployment}/config", "modelConfig", kConfig, "ModelConfig", answers(config)),
      look("/v2/models/{deployment}/versions/{version}/config", "versionConfig", kConfig, "ModelConfig",
           answers(config)),
      look("/v2/models/{deployment}/stats", "modelStatistics", kStatistics, "Statistics",
           answers(statistics)),
      look("/v2/models/{deployment}/versions/{version}/stats", "versionStatistics", kStatistics, "Statistics",
           answers(statistics)),
      {"POST", "/v2/repository/index", Scope::Read, describe_repository_index(), lists},
  };
  add_unsupported(endpoints);
  return endpoints;
}

}  // namespace tidemill::api
