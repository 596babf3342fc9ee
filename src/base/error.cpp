#include "base/error.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/secret.hpp"

namespace tidemill {

namespace {

std::unexpected<Error> make(ErrorKind kind, std::string code, std::string message, Place where,
                            std::string hint) {
  Error error{kind, std::move(code), std::move(message), std::move(where)};
  error.hint = std::move(hint);
  return std::unexpected(std::move(error));
}

struct CodeExit {
  std::string_view prefix;
  int exit;
};
constexpr std::array kExits{CodeExit{"check.", 3},   CodeExit{"gate.", 4},        CodeExit{"lock.", 5},
                            CodeExit{"timeout.", 6}, CodeExit{"project.", 2},     CodeExit{"usage.", 2},
                            CodeExit{"sql.", 2},     CodeExit{"interrupted", 130}};

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i)
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t differs = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + differs});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[a.size()][b.size()];
}

constexpr size_t kMaxNameForNearest = 200;

}  // namespace

std::unexpected<Error> user_error(std::string code, std::string message, Place where, std::string hint) {
  return make(ErrorKind::User, std::move(code), std::move(message), std::move(where), std::move(hint));
}
std::unexpected<Error> data_error(std::string code, std::string message, Place where, std::string hint) {
  return make(ErrorKind::Data, std::move(code), std::move(message), std::move(where), std::move(hint));
}
std::unexpected<Error> environment_error(std::string code, std::string message, std::string hint) {
  return make(ErrorKind::Environment, std::move(code), std::move(message), {}, std::move(hint));
}
std::unexpected<Error> internal_error(std::string code, std::string message) {
  return make(ErrorKind::Internal, std::move(code), std::move(message), {}, {});
}

std::unexpected<Error> errno_error(std::string_view doing, std::string_view path, int error_number) {
  std::string code = "io.failed";
  std::string hint;
  if (error_number == ENOSPC || error_number == EDQUOT) {
    code = "io.disk_full";
    hint = "free some space, or point home or --home at a larger disk; nothing that was live is lost";
  } else if (error_number == EACCES || error_number == EPERM || error_number == EROFS) {
    code = "io.denied";
    hint = "check the owner and mode of the folder, and whether the file system is mounted read-only";
  } else if (error_number == ENOENT) {
    code = "io.missing";
  }
  return environment_error(std::move(code),
                           fmt::format("cannot {} {}: {}", doing, path, std::strerror(error_number)),
                           std::move(hint));
}

std::string to_text(const Place& place) {
  std::string text = place.file;
  if (place.line > 0) text += fmt::format(":{}", place.line);
  if (place.line > 0 && place.column > 0) text += fmt::format(":{}", place.column);
  if (!place.what.empty()) text += (text.empty() ? "" : "  ") + place.what;
  return text;
}

std::string_view to_text(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::User:
      return "user";
    case ErrorKind::Data:
      return "data";
    case ErrorKind::Environment:
      return "environment";
    case ErrorKind::Internal:
      return "internal";
  }
  return "internal";
}

std::string to_text(const Error& error) {
  std::string text = fmt::format("error[{}]: {}", error.code, error.message);
  if (const std::string place = to_text(error.where); !place.empty()) text += "\n  --> " + place;
  if (!error.seen.empty()) text += "\n  seen: " + error.seen;
  if (!error.expected.empty()) text += "\n  expected: " + error.expected;
  if (!error.hint.empty()) text += "\n  hint: " + error.hint;
  return redact(text);
}

nlohmann::ordered_json to_json(const Error& error) {
  nlohmann::ordered_json json{
      {"code", error.code}, {"kind", to_text(error.kind)}, {"message", redact(error.message)}};
  if (!error.where.file.empty()) json["file"] = redact(error.where.file);
  if (error.where.line > 0) json["line"] = error.where.line;
  if (error.where.column > 0) json["column"] = error.where.column;
  if (!error.where.what.empty()) json["what"] = redact(error.where.what);
  if (!error.seen.empty()) json["seen"] = redact(error.seen);
  if (!error.expected.empty()) json["expected"] = redact(error.expected);
  if (!error.hint.empty()) json["hint"] = redact(error.hint);
  return json;
}

int exit_code(const Error& error) {
  for (const CodeExit& row : kExits)
    if (error.code.starts_with(row.prefix)) return row.exit;
  if (error.kind == ErrorKind::Internal) return 70;
  return error.kind == ErrorKind::User ? 2 : 1;
}

std::string nearest(std::string_view name, const std::vector<std::string>& candidates) {
  if (name.size() > kMaxNameForNearest) return {};
  std::string best;
  size_t best_distance = std::max<size_t>(1, name.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > kMaxNameForNearest) continue;
    const size_t distance = edit_distance(name, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates) {
  const std::string found = nearest(name, candidates);
  return found.empty() ? "" : fmt::format("did you mean '{}'?", found);
}

}  // namespace tidemill
