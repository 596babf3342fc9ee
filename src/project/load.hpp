// The parts of load() that tests and the fuzzer reach without files.
#pragma once

#include "project/project.hpp"

namespace tidemill::project {

inline constexpr size_t kMaxSqlBytes = size_t{1} << 20;
inline constexpr size_t kMaxTransforms = 100'000;

/// A project from the text of tidemill.yaml; transforms are read from folder/transforms, none if there is no
/// such folder.
std::expected<Project, Errors> load_text(std::string_view text, const Path& folder,
                                         const LoadOptions& options);

}  // namespace tidemill::project
