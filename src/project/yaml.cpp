// Builds the tree from yaml-cpp's parse events rather than its nodes: events have the place of every key, see
// duplicate keys, and let the limits be held while parsing.
#include "project/yaml.hpp"

#include <charconv>
#include <map>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include "base/utf8.hpp"

namespace tidemill::project {

namespace {

struct Problem {
  std::string code;
  std::string message;
  int line = 0;
  int column = 0;
  std::string hint = {};
};

class Builder final : public YAML::EventHandler {
 public:
  YamlNode take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1)
      throw Problem{"project.yaml", "a second document begins here", mark.line + 1, mark.column + 1,
                    "a project is one YAML document: remove the line ---"};
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(node(mark, YamlNode::Kind::Null), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end())
      throw Problem{"project.yaml", "an alias refers to itself or to what is not complete yet", mark.line + 1,
                    mark.column + 1};
    count(found->second.nodes, mark.line + 1, mark.column + 1);
    add(found->second.node, 0);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode scalar = node(mark, YamlNode::Kind::Scalar);
    check_tag(tag, scalar);
    scalar.text = scalar.shown = value;
    scalar.plain = tag == "?";
    if (scalar.plain && scalar_type(scalar) == ScalarType::Null) scalar.kind = YamlNode::Kind::Null;
    add(std::move(scalar), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, YamlNode::Kind::List);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, YamlNode::Kind::Map);
  }
  void OnMapEnd() override {
    merge(open_.back().node);
    close();
  }

 private:
  struct Open {
    YamlNode node;
    YAML::anchor_t anchor = 0;
    bool key_waits = false;  // a map whose newest entry has a key and no value yet
    size_t nodes_before = 0;
  };
  struct Anchored {
    YamlNode node;
    size_t nodes = 0;
  };

  static void check_tag(const std::string& tag, const YamlNode& at) {
    if (tag.empty() || tag == "?" || tag == "!" || tag == "tag:yaml.org,2002:str") return;
    throw Problem{"project.yaml", fmt::format("the tag '{}' has no meaning here", tag), at.line, at.column,
                  "remove the tag"};
  }

  void count(size_t more, int line, int column) {
    nodes_ += more;
    if (nodes_ > kMaxYamlNodes)
      throw Problem{"project.too_large",
                    fmt::format("more than {} values, aliases counted where they are used", kMaxYamlNodes),
                    line, column};
  }

  YamlNode node(const YAML::Mark& mark, YamlNode::Kind kind) {
    YamlNode made;
    made.kind = kind;
    made.line = mark.line + 1;  // a null mark gives 0: place_of_key below repairs it
    made.column = mark.column + 1;
    count(1, made.line, made.column);
    return made;
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YamlNode::Kind kind) {
    const size_t before = nodes_;
    YamlNode made = node(mark, kind);
    check_tag(tag, made);
    if (open_.size() >= static_cast<size_t>(kMaxYamlDepth))
      throw Problem{"project.too_large", fmt::format("nested more than {} deep", kMaxYamlDepth), made.line,
                    made.column};
    open_.push_back({std::move(made), anchor, false, before});
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    add(std::move(done.node), done.anchor, nodes_ - done.nodes_before);
  }

  void add(YamlNode made, YAML::anchor_t anchor, size_t nodes = 1) {
    if (anchor != 0) {
      count(nodes, made.line, made.column);  // the copy kept for aliases
      anchors_[anchor] = {made, nodes};
    }
    if (open_.empty()) {
      root_ = std::move(made);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == YamlNode::Kind::List) {
      if (made.line <= 0) made.line = parent.node.line, made.column = parent.node.column;
      parent.node.items.push_back(std::move(made));
    } else if (parent.key_waits) {
      YamlEntry& entry = parent.node.entries.back();
      // A value that is left out comes with the mark of whatever follows.
      if (made.line <= 0 || (made.is_null() && made.line != entry.key.line))
        made.line = entry.key.line, made.column = entry.key.column;
      entry.value = std::move(made);
      parent.key_waits = false;
    } else {
      if (made.kind == YamlNode::Kind::Null) made.text = made.shown = "null";  // csv's key `null`
      if (made.line <= 0) made.line = parent.node.line, made.column = parent.node.column;
      if (made.kind == YamlNode::Kind::List || made.kind == YamlNode::Kind::Map)
        throw Problem{"project.yaml", "a key must be a word, not a list or a map", made.line, made.column,
                      "was `${…}` meant? Put it in quotes"};
      made.kind = YamlNode::Kind::Scalar;
      parent.node.entries.push_back({std::move(made), {}});
      parent.key_waits = true;
    }
  }

  /// `<<: *base`: the keys of base that the map itself does not have.
  void merge(YamlNode& map) {
    std::vector<YamlEntry> own;
    std::vector<YamlNode> bases;
    std::set<std::string> names;
    for (YamlEntry& entry : map.entries) {
      if (entry.key.plain && entry.key.text == "<<") {
        if (entry.value.is_map())
          bases.push_back(std::move(entry.value));
        else if (entry.value.is_list())
          std::move(entry.value.items.begin(), entry.value.items.end(), std::back_inserter(bases));
        else
          bases.emplace_back();
        if (std::any_of(bases.begin(), bases.end(), [](const YamlNode& base) { return !base.is_map(); }))
          throw Problem{"project.yaml", "`<<` merges maps only", entry.key.line, entry.key.column};
      } else {
        names.insert(entry.key.text);
        own.push_back(std::move(entry));
      }
    }
    for (YamlNode& base : bases)
      for (YamlEntry& entry : base.entries)
        if (names.insert(entry.key.text).second) own.push_back(std::move(entry));
    map.entries = std::move(own);
  }

  YamlNode root_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  size_t nodes_ = 0;
  int documents_ = 0;
};

std::string_view line_of(std::string_view text, int number) {
  size_t begin = 0;
  for (int line = 1; line < number; ++line) {
    begin = text.find('\n', begin);
    if (begin == std::string_view::npos) return {};
    ++begin;
  }
  return text.substr(begin, text.find('\n', begin) - begin);
}

/// A tab in the indentation at or just above the place where the parser gave up: the parser's own words don't
/// name it.
std::optional<TextPosition> tab_near(std::string_view text, int line) {
  for (int number = line; number > 0 && number >= line - 1; --number) {
    const std::string_view row = line_of(text, number);
    const size_t tab = row.find('\t');
    if (tab != std::string_view::npos && row.find_first_not_of(" \t") > tab)
      return TextPosition{number, static_cast<int>(tab) + 1};
  }
  return std::nullopt;
}

size_t indentation(std::string_view row) { return std::min(row.find_first_not_of(' '), row.size()); }
bool says_nothing(std::string_view row) {
  const size_t at = row.find_first_not_of(" \r");
  return at == std::string_view::npos || row[at] == '#';
}

/// Where a line begins that neither goes on with a level nor opens one.
std::string advice_on_indentation(std::string_view text, int line) {
  const size_t here = indentation(line_of(text, line));
  std::optional<size_t> deeper;
  for (int above = line - 1; above > 0; --above) {
    const std::string_view row = line_of(text, above);
    if (says_nothing(row)) continue;
    const size_t there = indentation(row);
    if (there == here) return {};
    if (there > here) {
      deeper = there;
      continue;
    }
    if (!deeper)
      return fmt::format(
          "the line above has a value already: begin this one in column {}, or take the value away",
          there + 1);
    return fmt::format("this line begins in column {}, those it may belong with in column {} or {}", here + 1,
                       there + 1, *deeper + 1);
  }
  return {};
}

std::string advice(std::string_view text, const YAML::Exception& e) {
  const std::string_view row = line_of(text, e.mark.line + 1);
  if (row.find("${") != std::string_view::npos)
    return "inside { } or [ ] a value with ${…} needs quotes: \"${env:NAME}\"";
  if (row.find(": @") != std::string_view::npos || row.find(": `") != std::string_view::npos)
    return "a value that begins with @ or ` needs quotes";
  if (const size_t first = row.find(": "); e.msg == "illegal map value" && first != std::string_view::npos &&
                                           row.find(": ", first + 2) != std::string_view::npos)
    return "a value that holds a colon and a blank needs quotes";
  if (e.msg.ends_with("flow not found")) return "a { or [ is opened and not closed, here or in a line above";
  return advice_on_indentation(text, e.mark.line + 1);
}

bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

std::optional<TextPosition> first_invalid_utf8(std::string_view text) {
  TextPosition at;
  for (size_t i = 0; i < text.size();) {
    const size_t bytes = utf8_character_bytes(text.substr(i));
    if (bytes == 0 || text[i] == '\0') return at;
    if (text[i] == '\n')
      at = {at.line + 1, 1};
    else
      ++at.column;
    i += bytes;
  }
  return std::nullopt;
}

Result<YamlNode> parse_yaml(std::string_view text, const std::string& file) {
  if (text.size() > kMaxYamlBytes)
    return user_error("project.too_large", fmt::format("{} bytes (limit {})", text.size(), kMaxYamlBytes),
                      {file, 1, 1});
  if (const auto bad = first_invalid_utf8(text))
    return user_error("project.not_utf8", "this is not UTF-8 text", {file, bad->line, bad->column},
                      fmt::format("save the file as UTF-8: iconv -f LATIN1 -t UTF-8 {0} > new.yaml", file));
  Builder builder;
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    if (!parser.HandleNextDocument(builder))
      return user_error("project.empty", "the project file is empty", {file, 1, 1},
                        "the least project is one line: name: my-project");
    while (parser.HandleNextDocument(builder)) {
    }
    return builder.take();
  } catch (const Problem& problem) {
    return user_error(problem.code, problem.message,
                      {file, std::max(problem.line, 1), std::max(problem.column, 1)}, problem.hint);
  } catch (const YAML::Exception& e) {
    const int line = std::max(e.mark.line + 1, 1);
    if (const auto tab = tab_near(text, line))
      return user_error("project.tab", "a tab in the indentation", {file, tab->line, tab->column},
                        "YAML is indented with spaces: replace the tab");
    return user_error("project.yaml", "not valid YAML: " + e.msg,
                      {file, line, std::max(e.mark.column + 1, 1)}, advice(text, e));
  } catch (const std::exception& e) {
    return user_error("project.yaml", fmt::format("not valid YAML: {}", e.what()), {file, 1, 1});
  }
}

ScalarType scalar_type(const YamlNode& scalar) {
  if (scalar.kind == YamlNode::Kind::Null) return ScalarType::Null;
  if (!scalar.plain && !scalar.interpolated) return ScalarType::Text;
  const std::string_view text = scalar.text;
  if ((text.empty() && scalar.plain) || text == "~" || text == "null" || text == "Null" || text == "NULL")
    return ScalarType::Null;
  if (text == "true" || text == "True" || text == "TRUE" || text == "false" || text == "False" ||
      text == "FALSE")
    return ScalarType::Bool;
  if (text.empty()) return ScalarType::Text;
  std::string_view number = text;
  if (number[0] == '-' || number[0] == '+') number.remove_prefix(1);
  if (is_digits(number)) return ScalarType::Integer;
  if (number == ".inf" || text == ".nan") return ScalarType::Number;
  if (number.empty() || number.find_first_not_of("0123456789.eE+-") != std::string_view::npos)
    return ScalarType::Text;
  double value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  const bool starts_well = is_digits(number.substr(0, 1)) || number[0] == '.';
  return starts_well && error != std::errc::invalid_argument && end == number.data() + number.size()
             ? ScalarType::Number
             : ScalarType::Text;
}

Json to_json(const YamlNode& node, Secrets secrets) {
  switch (node.kind) {
    case YamlNode::Kind::Null:
      return nullptr;
    case YamlNode::Kind::List: {
      Json list = Json::array();
      for (const YamlNode& item : node.items) list.push_back(to_json(item, secrets));
      return list;
    }
    case YamlNode::Kind::Map: {
      Json map = Json::object();
      for (const YamlEntry& entry : node.entries) map[entry.key.text] = to_json(entry.value, secrets);
      return map;
    }
    case YamlNode::Kind::Scalar:
      break;
  }
  if (secrets == Secrets::Names && node.shown != node.text) return node.shown;
  std::string_view text = node.text;
  if (!text.empty() && text[0] == '+') text.remove_prefix(1);
  switch (scalar_type(node)) {
    case ScalarType::Null:
      return nullptr;
    case ScalarType::Bool:
      return node.text[0] == 't' || node.text[0] == 'T';
    case ScalarType::Integer: {
      int64_t value = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error == std::errc{}) return value;
      [[fallthrough]];
    }
    case ScalarType::Number: {
      double value = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error == std::errc{} && end == text.data() + text.size()) return value;
      return node.text;  // .inf, .nan, or beyond a double: the forms refuse it where a number is wanted
    }
    case ScalarType::Text:
      break;
  }
  return node.text;
}

}  // namespace tidemill::project
