// How single values are read from their text.
#include <array>
#include <charconv>
#include <cmath>

#include "project/scalar.hpp"

namespace tidemill::project {

namespace {

struct ByteUnit {
  std::string_view name;
  int64_t bytes;
};
constexpr std::array kByteUnits{ByteUnit{"B", 1},
                                ByteUnit{"KB", 1'000},
                                ByteUnit{"MB", 1'000'000},
                                ByteUnit{"GB", 1'000'000'000},
                                ByteUnit{"TB", 1'000'000'000'000},
                                ByteUnit{"KiB", int64_t{1} << 10},
                                ByteUnit{"MiB", int64_t{1} << 20},
                                ByteUnit{"GiB", int64_t{1} << 30},
                                ByteUnit{"TiB", int64_t{1} << 40}};

std::optional<double> percent_in(std::string_view text) {
  if (!text.ends_with('%')) return std::nullopt;
  text.remove_suffix(1);
  const auto value = parse_number(trimmed(text));
  if (!value || *value < 0 || *value > 100) return std::nullopt;
  return *value / 100;
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\n") - begin + 1);
}

std::optional<double> parse_number(std::string_view text) {
  if (text.empty() || text[0] == '+') return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<bool> truth_of(const YamlNode& node) {
  if (!node.is_scalar() || scalar_type(node) != ScalarType::Bool) return std::nullopt;
  return node.text[0] == 't' || node.text[0] == 'T';
}

std::optional<double> parse_number(const YamlNode& node) {
  if (!node.is_scalar() || node.deferred || node.text.empty() || scalar_type(node) == ScalarType::Text)
    return std::nullopt;
  return parse_number(node.text[0] == '+' ? std::string_view(node.text).substr(1) : node.text);
}

std::optional<int64_t> parse_integer(const YamlNode& node) {
  if (!node.is_scalar() || node.deferred || scalar_type(node) != ScalarType::Integer) return std::nullopt;
  const std::string_view text = node.text[0] == '+' ? std::string_view(node.text).substr(1) : node.text;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> parse_share(const YamlNode& node) {
  if (!node.is_scalar() || node.deferred) return std::nullopt;
  if (const auto percent = percent_in(trimmed(node.text))) return percent;
  const auto value = parse_number(node);
  return value && *value >= 0 && *value <= 1 ? value : std::nullopt;
}

std::optional<int64_t> parse_bytes(std::string_view text) {
  const size_t letters = text.find_first_not_of("0123456789.");
  if (letters == std::string_view::npos) return std::nullopt;
  const auto number = parse_number(text.substr(0, letters));
  const std::string_view unit = trimmed(text.substr(letters));
  for (const ByteUnit& known : kByteUnits)
    if (number && *number > 0 && unit == known.name && *number * static_cast<double>(known.bytes) < 9e18)
      return static_cast<int64_t>(*number * static_cast<double>(known.bytes));
  return std::nullopt;
}

std::optional<FailLimit> parse_fail_limit(std::string_view text) {
  std::string_view rest = trimmed(text);
  if (rest.starts_with('>')) rest = trimmed(rest.substr(1));
  if (rest.ends_with('%')) {
    const auto share = percent_in(rest);
    return share ? std::optional(FailLimit{std::nullopt, share}) : std::nullopt;
  }
  int64_t count = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), count);
  if (rest.empty() || error != std::errc{} || end != rest.data() + rest.size() || count < 0)
    return std::nullopt;
  return FailLimit{count, std::nullopt};
}

std::optional<ModelReference> parse_model_reference(std::string_view text) {
  const size_t at = text.find('@');
  const std::string_view model = text.substr(0, at);
  if (!is_identifier(model)) return std::nullopt;
  if (at == std::string_view::npos) return ModelReference{std::string(model), "champion"};
  const std::string_view version = text.substr(at + 1);
  const bool number = !version.empty() && version.size() < 10 && version[0] != '0' &&
                      version.find_first_not_of("0123456789") == std::string_view::npos;
  if (!number && !is_identifier(version)) return std::nullopt;
  return ModelReference{std::string(model), std::string(version)};
}

std::optional<std::vector<SelectorTerm>> parse_selector(std::string_view text) {
  std::vector<SelectorTerm> terms;
  for (std::string_view rest = trimmed(text); !rest.empty();) {
    std::string_view term = rest.substr(0, rest.find(' '));
    rest = trimmed(rest.substr(term.size()));
    if (term.starts_with('+')) term.remove_prefix(1);
    if (term.ends_with('+')) term.remove_suffix(1);
    if (!is_identifier(term)) return std::nullopt;
    terms.push_back({std::string(term)});
  }
  if (terms.empty()) return std::nullopt;
  return terms;
}

}  // namespace tidemill::project
