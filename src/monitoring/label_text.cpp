#include "monitoring/label_text.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/clock.hpp"
#include "monitoring/column_rules.hpp"

namespace tidemill::monitoring {

namespace {

using Rule = project::PredictionLog::Column::Rule;

constexpr size_t kLeastInstant = 16;  // "2026-11-29T10:00"

}  // namespace

std::string label_text(std::string_view value) {
  if (value == "true") return "1";
  if (value == "false") return "0";
  return std::string(value);
}

std::string label_text(const Json& value) {
  if (value.is_string()) return label_text(std::string_view(value.get_ref<const std::string&>()));
  if (value.is_boolean()) return value.get<bool>() ? "1" : "0";
  if (value.is_number_float()) return fmt::format("{}", value.get<double>());
  return to_text(value);
}

std::string key_text(std::string_view value) {
  if (value.size() >= kLeastInstant && (value[10] == 'T' || value[10] == ' '))
    if (const auto instant = parse_instant(value)) return to_text(*instant);
  return label_text(value);
}

std::string key_text(const Json& value) {
  return value.is_string() ? key_text(std::string_view(value.get_ref<const std::string&>()))
                           : label_text(value);
}

KeyRules::KeyRules(std::vector<std::string> columns, const project::PredictionLog& log, Secret secret)
    : columns_(std::move(columns)), secret_(std::move(secret)) {
  if (!columns_.empty()) problem_.clear();
  for (const std::string& column : columns_) {
    const Rule rule = log.column(column).rule;
    hashed_.push_back(rule != Rule::Keep);
    if (rule == Rule::Drop || rule == Rule::Bucket)
      problem_ = fmt::format("its log does not store {}, of the key", column);
  }
}

Result<KeyRules> KeyRules::of(const project::Project& project, const project::Deployment& deployment) {
  std::vector<std::string> key = project.key_of(deployment);
  if (key.empty() || !deployment.log) return KeyRules();
  TM_TRY(Secret secret, hash_key(project.home));
  return KeyRules(std::move(key), *deployment.log, std::move(secret));
}

Result<std::string> KeyRules::stored(const Json& key) const {
  if (!key.is_object()) return user_error("label.key", "the key is no object of columns and values");
  std::vector<std::string> texts;
  for (const std::string& column : columns_) {
    const auto found = key.find(column);
    if (found == key.end() || found->is_null())
      return user_error("label.key", fmt::format("the key has no '{}'", column));
    if (found->is_structured())
      return user_error("label.key", fmt::format("'{}' of the key is neither text nor number", column));
    texts.push_back(key_text(*found));
    if (texts.back().size() > kMaxLabelBytes)
      return user_error("label.key",
                        fmt::format("'{}' of the key is longer than {} bytes", column, kMaxLabelBytes));
  }
  for (const auto& [name, value] : key.items())
    if (std::ranges::find(columns_, name) == columns_.end())
      return user_error("label.key", fmt::format("the key has no column '{}'", name), {},
                        fmt::format("it is {}", fmt::join(columns_, ", ")));
  return stored_texts(texts);
}

std::string KeyRules::stored_texts(std::span<const std::string> texts) const {
  Json list = Json::array();
  for (size_t i = 0; i < texts.size(); ++i) {
    std::string text = hashed_[i] ? hashed(secret_, texts[i]) : texts[i];
    if (texts.size() == 1) return text;
    list.push_back(std::move(text));
  }
  return to_text(list);
}

}  // namespace tidemill::monitoring
