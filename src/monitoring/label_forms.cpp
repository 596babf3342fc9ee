#include "monitoring/label_forms.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/utf8.hpp"
#include "monitoring/served.hpp"

namespace tidemill::monitoring {

namespace {

constexpr size_t kMostClassesTold = 5;
constexpr size_t kMostBytesTold = 60;

std::string beginning_of(std::string_view text) {
  size_t end = 0;
  while (end < text.size() && end < kMostBytesTold)
    end += std::max<size_t>(utf8_character_bytes(text.substr(end)), 1);
  return std::string(text.substr(0, end)) + (end < text.size() ? "…" : "");
}

std::string allowed_by(const forest::Package& package) {
  const std::vector<std::string>& classes = package.classes;
  if (classes.empty())
    return package.task == forest::Task::Binary ? "true or false, yes or no, 1 or 0" : "a finite number";
  std::string text;
  for (size_t c = 0; c < std::min(classes.size(), kMostClassesTold); ++c)
    text += fmt::format("{}'{}'", c == 0 ? "" : ", ", classes[c]);
  return classes.size() <= kMostClassesTold
             ? text
             : fmt::format("{} and {} more", text, classes.size() - kMostClassesTold);
}

}  // namespace

void LabelForms::add(const forest::Package& package) {
  if (versions_.empty()) {
    target_ = package.target.empty() ? "the target" : package.target;
    allowed_ = allowed_by(package);
  }
  versions_.emplace_back(package);
}

std::optional<std::string> LabelForms::of(std::string_view text) const {
  if (versions_.empty()) return std::string(text);
  for (const LabelNumbers& version : versions_)
    if (auto form = version.form_of(text)) return form;
  return std::nullopt;
}

Result<std::string> LabelForms::check(const std::string& text) const {
  auto form = of(text);
  if (!form)
    return user_error("label.value", fmt::format("'{}' is no value of {}: there is {}", beginning_of(text),
                                                 target_, allowed_));
  return *std::move(form);
}

Result<LabelForms> forms_of(const registry::Registry& registry, const project::Deployment& deployment) {
  TM_TRY(const auto versions, served_versions(registry, deployment));
  LabelForms forms;
  for (const ServedVersion& version : versions) {
    TM_TRY(const forest::Package package,
           forest::load_package(version.object,
                                [&](const std::string& object) { return registry.read_object(object); }));
    forms.add(package);
  }
  return forms;
}

}  // namespace tidemill::monitoring
