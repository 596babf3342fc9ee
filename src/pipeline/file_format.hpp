// What a file's ending says about its format.
#pragma once

#include <string>

#include "base/file.hpp"

namespace tidemill::pipeline {

/// "parquet", "csv", "json" or "jsonl", with .gz or .zst behind text. Error usage.format.
Result<std::string> format_of(const Path& file);
/// The same for writing, as options of COPY TO.
Result<std::string> copy_options_of(const Path& file);

}  // namespace tidemill::pipeline
