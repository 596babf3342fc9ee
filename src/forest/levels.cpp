// "cats": {"enc": […]} has an object for each feature: {"offsets", "values"} of texts, whose bytes follow
// each other, or {"type", "values"} of whole numbers. The code of a category is its place.
#include "forest/levels.hpp"

#include <cmath>

#include <fmt/format.h>

#include "forest/package.hpp"
#include "forest/shape.hpp"

namespace tidemill::forest {

namespace {

constexpr double kFirstInexactInteger = 0x1p53;

const Document::Numbers* list_of(const Document& column, std::string_view name) {
  static const Document::Numbers none;
  const Document* item = column.find(name);
  if (item == nullptr) return nullptr;
  return item->is_empty_array() ? &none : item->numbers();
}

Result<Levels> numbers(const Document::Numbers& values) {
  Levels out{.names = {}, .are_numbers = true};
  for (const double value : values) {
    if (value != std::floor(value) || !(std::abs(value) < kFirstInexactInteger))
      return invalid(fmt::format("the category {} is no whole number below 2^53", value));
    out.names.push_back(category_text(value));
  }
  return out;
}

Result<Levels> texts(const Document::Numbers& offsets, const Document::Numbers& values) {
  Levels out;
  size_t at = 0;
  for (size_t i = 0; i < offsets.size(); ++i) {
    const double end = offsets[i];
    if (end != std::floor(end) || !(end >= static_cast<double>(at)) ||
        end > static_cast<double>(values.size()) || (i == 0 && end != 0))
      return invalid("the offsets of its categories do not rise from 0 to their end");
    if (i == 0) continue;
    std::string& name = out.names.emplace_back();
    for (; at < static_cast<size_t>(end); ++at) {
      // Written as signed bytes.
      if (values[at] != std::floor(values[at]) || values[at] < -128 || values[at] > 255)
        return invalid(fmt::format("the text of a category has {} for a byte", values[at]));
      name += static_cast<char>(static_cast<int>(values[at]));
    }
  }
  return out;
}

}  // namespace

Result<std::vector<Levels>> read_levels(const Document& model, uint32_t features) {
  std::vector<Levels> out;
  const Document* cats = model.find("cats");
  const Document* columns = cats == nullptr ? nullptr : cats->find("enc");
  if (columns == nullptr || columns->is_empty_array()) return out;
  if (columns->array() == nullptr || columns->array()->size() != features)
    return invalid("it lists the categories of another number of features than it has");
  for (const Document& column : *columns->array()) {
    const Document::Numbers* values = list_of(column, "values");
    const Document::Numbers* offsets = list_of(column, "offsets");
    if (values == nullptr || (offsets == nullptr && column.find("offsets") != nullptr))
      return invalid("its categories are no lists of numbers");
    TM_TRY(Levels levels, offsets == nullptr ? numbers(*values) : texts(*offsets, *values));
    if (static_cast<double>(levels.names.size()) > kMaxCategory)
      return invalid(fmt::format("a feature has {} categories", levels.names.size()));
    out.push_back(std::move(levels));
  }
  return out;
}

}  // namespace tidemill::forest
