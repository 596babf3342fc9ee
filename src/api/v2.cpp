#include "api/v2.hpp"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "api/json_tensor.hpp"
#include "api/tensor_bytes.hpp"
#include "base/version.hpp"

namespace tidemill::api {

namespace {

using serving::Tensor;

void append_whole(TextWriter& out, int64_t number) {
  if (number >= 0 && number < 10) {  // as most are
    const char digit = static_cast<char>('0' + number);
    return out.add({&digit, 1});
  }
  const fmt::format_int text(number);
  out.add({text.data(), text.size()});
}

void append_head(TextWriter& out, const Tensor& tensor) {
  out.add("{\"name\":");
  append_json_text(out, tensor.name);
  out.add(",\"datatype\":\"");
  out.add(tensor.datatype);
  out.add("\",\"shape\":[");
  for (size_t d = 0; d < tensor.shape.size(); ++d) {
    if (d > 0) out.add(",");
    append_whole(out, tensor.shape[d]);
  }
  out.add("]");
}

void append_tensor(TextWriter& out, const Tensor& tensor) {
  append_head(out, tensor);
  out.add(",\"data\":[");
  const size_t values = tensor.values();
  for (size_t i = 0; i < values; ++i) {
    if (i > 0) out.add(",");
    append_json(out, tensor, i);
  }
  out.add("]}");
}

Json info_json(const std::vector<serving::TensorInfo>& infos) {
  Json list = Json::array();
  for (const auto& info : infos)
    list.push_back(Json{{"name", info.name}, {"datatype", info.datatype}, {"shape", info.shape}});
  return list;
}

}  // namespace

Tensor classified(const Tensor& tensor, size_t n, const std::vector<std::string>& classes) {
  const size_t rows = static_cast<size_t>(tensor.shape[0]);
  const size_t each = rows == 0 ? 0 : tensor.values() / rows;
  n = std::min(n, each);
  Tensor out{tensor.name, "BYTES", {tensor.shape[0], static_cast<int64_t>(n)}};
  std::vector<size_t> order(each);
  for (size_t r = 0; r < rows; ++r) {
    const double* row = tensor.numbers.data() + r * each;
    std::iota(order.begin(), order.end(), size_t{0});
    std::partial_sort(order.begin(), order.begin() + static_cast<ptrdiff_t>(n), order.end(),
                      [&](size_t a, size_t b) { return row[a] != row[b] ? row[a] > row[b] : a < b; });
    for (size_t i = 0; i < n; ++i) {
      std::string text = fmt::format("{}:{}", row[order[i]], order[i]);
      if (each > 1 && order[i] < classes.size()) text += ":" + classes[order[i]];
      out.texts.add(text);
    }
  }
  return out;
}

namespace {

// What goes behind the JSON goes into `binary`; whether any does.
bool write_reply(const V2Request& request, const serving::InferResponse& response,
                 const std::vector<std::string>& classes, TextWriter& out, std::string& binary) {
  bool any_binary = false;
  out.add("{\"model_name\":");
  append_json_text(out, response.deployment);
  out.add(",\"model_version\":\"");
  append_whole(out, response.version);
  out.add("\"");
  if (!response.id.empty()) {
    out.add(",\"id\":");
    append_json_text(out, response.id);
  }
  out.add(",\"outputs\":[");
  for (size_t i = 0; i < response.outputs.size(); ++i) {
    const OutputForm form = i < request.named.size() ? request.named[i] : request.all;
    const bool labelled = form.classes > 0 && response.outputs[i].datatype != "BYTES";
    std::optional<Tensor> chosen;
    if (labelled) chosen = classified(response.outputs[i], form.classes, classes);
    const Tensor& tensor = labelled ? *chosen : response.outputs[i];
    if (i > 0) out.add(",");
    if (!form.binary) {
      append_tensor(out, tensor);
      continue;
    }
    any_binary = true;
    const size_t before = binary.size();
    append_tensor_bytes(binary, tensor);
    append_head(out, tensor);
    out.add(",\"parameters\":{\"binary_data_size\":");
    append_whole(out, static_cast<int64_t>(binary.size() - before));
    out.add("}}");
  }
  out.add("]}");
  return any_binary;
}

}  // namespace

V2Reply infer_reply(const V2Request& request, const serving::InferResponse& response,
                    const std::vector<std::string>& classes) {
  constexpr size_t kUsual = 400;
  V2Reply reply;
  std::string binary;
  bool any_binary = false;
  {
    TextWriter out(reply.body, kUsual);
    any_binary = write_reply(request, response, classes, out, binary);
  }
  if (!any_binary) return reply;
  reply.json_bytes = reply.body.size();
  reply.body += binary;
  return reply;
}

Json model_metadata(const serving::LiveModel& live) {
  return Json{{"name", live.deployment},
              {"versions", {std::to_string(live.version)}},
              {"platform", "tidemill_forest"},
              {"inputs", info_json(serving::input_tensors(live.predictor->package()))},
              {"outputs", info_json(serving::output_tensors(live.predictor->package()))}};
}

Json model_config(const serving::LiveModel& live) {
  const auto list = [](const std::vector<serving::TensorInfo>& infos) {
    Json out = Json::array();
    for (const auto& info : infos) {
      const bool text = info.datatype == "BYTES";
      // Dimensions without that of the rows, as max_batch_size > 0 says.
      Json dims = std::vector<int64_t>(info.shape.begin() + 1, info.shape.end());
      if (dims.empty()) dims.push_back(1);
      out.push_back(Json{
          {"name", info.name}, {"data_type", "TYPE_" + (text ? "STRING" : info.datatype)}, {"dims", dims}});
    }
    return out;
  };
  const forest::Package& package = live.predictor->package();
  return Json{{"name", live.deployment},
              {"platform", "tidemill_forest"},
              {"backend", "tidemill"},
              {"max_batch_size", serving::kMaxRowsPerRequest},
              {"version_policy", {{"specific", {{"versions", {live.version}}}}}},
              {"input", list(serving::input_tensors(package))},
              {"output", list(serving::output_tensors(package))}};
}

Json model_statistics(const serving::LiveModel& live, const InferenceSeries::Totals& totals) {
  const auto duration = [](uint64_t count, double seconds) {
    constexpr double kNanosecondsPerSecond = 1e9;
    return Json{{"count", count}, {"ns", static_cast<uint64_t>(seconds * kNanosecondsPerSecond)}};
  };
  return Json{{"name", live.deployment},
              {"version", std::to_string(live.version)},
              {"inference_count", totals.rows},
              {"execution_count", totals.succeeded},
              {"inference_stats",
               {{"success", duration(totals.succeeded, totals.succeeded_seconds)},
                {"fail", duration(totals.failed, totals.failed_seconds)},
                {"queue", duration(totals.succeeded, totals.queue_seconds)},
                {"compute_input", duration(totals.succeeded, totals.input_seconds)},
                {"compute_infer", duration(totals.succeeded, totals.compute_seconds)},
                {"compute_output", duration(totals.succeeded, totals.output_seconds)}}},
              {"batch_stats", Json::array()}};
}

Json server_metadata() {
  return Json{{"name", "tidemill"},
              {"version", kVersion},
              {"extensions", {"binary_tensor_data", "classification", "model_configuration", "statistics"}}};
}

}  // namespace tidemill::api
