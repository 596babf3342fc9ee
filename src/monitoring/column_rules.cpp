#include "monitoring/column_rules.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/id.hpp"
#include "base/sha256.hpp"

namespace tidemill::monitoring {

namespace {

constexpr size_t kKeyDigits = 64, kHashDigits = 32;

/// Whole or not at all, and only if nobody was quicker: the link fails where the file is.
Result<void> make_key(const Path& path) {
  const Path fresh = path.parent_path() / fmt::format(".hash.key.{}", random_id());
  const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return errno_error("make", fresh.native(), errno);
  const std::string key = random_id() + random_id();
  const bool written =
      ::write(fd, key.data(), key.size()) == static_cast<ssize_t>(key.size()) && ::fsync(fd) == 0;
  const int write_error = errno;
  ::close(fd);
  const bool linked = written && (::link(fresh.c_str(), path.c_str()) == 0 || errno == EEXIST);
  const int error = written ? errno : write_error;
  ::unlink(fresh.c_str());
  if (!linked) return errno_error("write", path.native(), error);
  return sync_folder(path.parent_path());
}

}  // namespace

Result<Secret> hash_key(const Path& home) {
  const Path path = home / "predictions" / "hash.key";
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    TM_CHECK(make_folder(path.parent_path()));
    TM_CHECK(make_key(path));
  }
  TM_TRY(std::string key, read_file(path, size_t{1} << 10));
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (key.size() != kKeyDigits || !std::ranges::all_of(key, is_digit))
    return environment_error("log.bad_key", fmt::format("{} is no key", path.native()),
                             "put it back from a backup; or remove it: hashes from then on are others");
  std::string name = path.filename().native();
  Secret secret(std::move(name), std::move(key));
  return secret;
}

std::string hashed(const Secret& key, std::string_view value) {
  return hmac_sha256(key.reveal(), value).substr(0, kHashDigits);
}
std::string hashed(const Secret& key, double value) { return hashed(key, fmt::format("{}", value)); }

ColumnRules::ColumnRules(const project::PredictionLog& log, const std::vector<CapturedColumn>& features,
                         std::vector<LogColumn> answers, Secret key)
    : key_(std::move(key)) {
  for (const CapturedColumn& feature : features) {
    const project::PredictionLog::Column& said = log.column(feature.name);
    Column& column = columns_.emplace_back();
    column.rule = said.rule;
    column.width = said.width;
    if (!feature.text && column.rule == Rule::Known) column.rule = Rule::Keep;
    if (feature.text && column.rule == Rule::Bucket) column.rule = Rule::Drop;
    if (feature.text && column.rule == Rule::Known)
      column.known.insert(feature.known.begin(), feature.known.end());
    if (column.rule == Rule::Drop) continue;
    column.stored = static_cast<uint32_t>(stored_.size());
    const bool text = feature.text || column.rule == Rule::Hash;
    stored_.push_back({feature.name, text ? ValueKind::Text : ValueKind::Number, LogColumn::Of::Feature});
  }
  for (LogColumn& answer : answers) {
    columns_.push_back({Rule::Keep, static_cast<uint32_t>(stored_.size())});
    stored_.push_back(std::move(answer));
  }
}

void ColumnRules::append(const StoredPrediction& captured, std::string& out) const {
  const auto is_kept = [&](const StoredColumn& column) {
    return column.column < columns_.size() && columns_[column.column].rule != Rule::Drop;
  };
  append_head(captured, static_cast<uint32_t>(std::ranges::count_if(captured.columns, is_kept)), out);
  for (const StoredColumn& column : captured.columns)
    if (is_kept(column)) append(columns_[column.column], column, captured.rows, out);
}

void ColumnRules::append(const Column& rule, const StoredColumn& captured, size_t rows,
                         std::string& out) const {
  const bool is_text = captured.kind == ValueKind::Text;
  const auto texts_by = [&](const auto& text_of) {
    ColumnWriter writer(rule.stored, ValueKind::Text, out);
    TextReader texts(captured.values);
    for (size_t r = 0; r < rows; ++r) writer.add(text_of(texts, r));
  };
  std::string kept;  // what text_of's views point into, one value at a time
  using Text = std::optional<std::string_view>;
  switch (rule.rule) {
    case Rule::Drop:
      return;
    case Rule::Keep: {
      const size_t begin = out.size();
      out += captured.block;
      std::memcpy(out.data() + begin, &rule.stored, sizeof rule.stored);
      return;
    }
    case Rule::Known:
      return texts_by([&](TextReader& texts, size_t) -> Text {
        const Text text = texts.next();
        if (!text || rule.known.contains(std::string(*text))) return text;
        return kept = hashed(key_, *text);
      });
    case Rule::Hash:
      return texts_by([&](TextReader& texts, size_t r) -> Text {
        if (is_text) {
          const Text text = texts.next();
          if (!text) return text;
          return kept = hashed(key_, *text);
        }
        const double number = captured.number(r);
        if (std::isnan(number)) return std::nullopt;
        return kept = hashed(key_, number);
      });
    case Rule::Bucket: {
      ColumnWriter writer(rule.stored, ValueKind::Number, out);
      for (size_t r = 0; r < rows; ++r) writer.add(std::floor(captured.number(r) / rule.width) * rule.width);
      return;
    }
  }
}

}  // namespace tidemill::monitoring
