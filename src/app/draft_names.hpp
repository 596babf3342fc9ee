// Names a project may have, made from what people call their files, folders and columns.
#pragma once

#include <string>
#include <string_view>

namespace tidemill::app {

/// A table's or model's name: "Übersicht 2024" → "ubersicht_2024". Letters that are not Latin have no place
/// in one; where none is left it is `otherwise`. The name may still be reserved.
std::string legal_name(std::string_view text, std::string_view otherwise);

/// A folder may be called what a project may not.
std::string project_name(const std::string& folder);

}  // namespace tidemill::app
