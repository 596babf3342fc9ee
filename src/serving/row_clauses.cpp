#include "serving/row_clauses.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/names.hpp"
#include "engine/sql_text.hpp"

namespace tidemill::serving {

namespace {

using engine::SqlToken;

constexpr size_t kMostNamed = 4;

struct Word {
  std::string text;  // lower case
  size_t line;
};

std::vector<Word> words_of(const std::string& sql) {
  std::vector<Word> words;
  size_t line = 1, counted = 0;
  for (const SqlToken& token : engine::sql_tokens(sql)) {
    line += static_cast<size_t>(std::count(sql.begin() + static_cast<ptrdiff_t>(counted),
                                           sql.begin() + static_cast<ptrdiff_t>(token.begin), '\n'));
    counted = token.begin;
    if (token.kind == SqlToken::Kind::Word || token.kind == SqlToken::Kind::Symbol)
      words.push_back({engine::folded_name(sql.substr(token.begin, token.end - token.begin)), line});
  }
  return words;
}

/// "inner", "left", … before a JOIN; empty: JOIN alone.
std::string join_kind(const std::vector<Word>& words, size_t join) {
  static constexpr std::array kKinds{"left", "right", "full", "inner", "cross", "semi", "anti", "positional"};
  static constexpr std::array kBetween{"outer", "asof", "natural"};
  for (size_t i = join; i > 0; --i) {
    const std::string& before = words[i - 1].text;
    if (std::ranges::find(kKinds, before) != kKinds.end()) return before;
    if (std::ranges::find(kBetween, before) == kBetween.end()) break;
  }
  return {};
}

}  // namespace

std::vector<Clause> clauses_that(Clause::Effect effect, const std::string& sql) {
  const bool drops = effect == Clause::Effect::Drops;
  std::vector<Clause> out;
  const std::vector<Word> words = words_of(sql);
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i].text;
    if (word == "join") {
      const std::string kind = join_kind(words, i);
      const bool keeps = kind == "left" || kind == "full";
      const bool thins = kind == "semi" || kind == "anti";
      if (drops ? !keeps : !thins)
        out.push_back({kind.empty() ? "JOIN" : engine::folded_name(kind) + " JOIN", words[i].line});
    }
    const bool drop = word == "where" || word == "having" || word == "qualify" || word == "limit" ||
                      word == "distinct" || word == "intersect" || word == "except" || word == "sample";
    // "GROUP BY" names no row of its own, and may fold requests into one.
    const bool group = word == "group" && i + 1 < words.size() && words[i + 1].text == "by";
    const bool doubles = word == "union" || word == "unnest" || word == "unpivot";
    if (drops ? drop || group : doubles) out.push_back({group ? "GROUP BY" : word, words[i].line});
  }
  for (Clause& clause : out)
    std::ranges::transform(clause.text, clause.text.begin(), [](char c) {
      return static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    });
  return out;
}

std::string those_that(Clause::Effect effect, const std::vector<RequestPath::Transform>& transforms) {
  std::vector<std::string> named;
  for (const RequestPath::Transform& transform : transforms)
    for (const Clause& clause : clauses_that(effect, transform.sql))
      named.push_back(
          fmt::format("{} in line {} of transforms/{}.sql", clause.text, clause.line, transform.name));
  if (named.empty()) return {};
  const size_t more = named.size() - std::min(named.size(), kMostNamed);
  named.resize(named.size() - more);
  std::string text = fmt::format(": look at {}", fmt::join(named, ", "));
  if (more > 0) text += fmt::format(" and {} more", more);
  return text;
}

}  // namespace tidemill::serving
