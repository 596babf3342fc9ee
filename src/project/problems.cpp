#include "project/problems.hpp"

#include <algorithm>
#include <set>
#include <tuple>

#include <fmt/format.h>

namespace tidemill::project {

Error& Problems::add(std::string code, std::string message, const YamlNode& at, std::string what) {
  return add(std::move(code), std::move(message), place(at, std::move(what)));
}

Error& Problems::add(std::string code, std::string message, Place place) {
  errors_.push_back({ErrorKind::User, std::move(code), std::move(message), std::move(place)});
  return errors_.back();
}

Errors Problems::sorted() && {
  std::stable_sort(errors_.begin(), errors_.end(), [this](const Error& a, const Error& b) {
    return std::tuple(a.where.file != file_, a.where.file, a.where.line, a.where.column) <
           std::tuple(b.where.file != file_, b.where.file, b.where.line, b.where.column);
  });
  // An environment's values are met twice: where they stand, and in the project they are laid over.
  std::set<std::tuple<std::string, int, int, std::string, std::string>> seen;
  std::erase_if(errors_, [&](const Error& e) {
    return !seen.emplace(e.where.file, e.where.line, e.where.column, e.code, e.message).second;
  });
  if (errors_.size() > kMaxProblems) {
    const size_t more = errors_.size() - kMaxProblems;
    const Place last = errors_[kMaxProblems].where;
    errors_.resize(kMaxProblems);
    add("project.too_many_mistakes", fmt::format("{} more mistakes follow", more), last);
  }
  return std::move(errors_);
}

}  // namespace tidemill::project
