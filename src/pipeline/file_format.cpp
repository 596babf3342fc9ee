#include "pipeline/file_format.hpp"

#include <array>

#include <fmt/format.h>

#include "engine/names.hpp"
#include "pipeline/columns.hpp"

namespace tidemill::pipeline {

namespace {

struct Ending {
  std::string_view ending;
  std::string_view format;
  std::string_view copy;
  bool text;
};
constexpr std::array kEndings{
    Ending{".parquet", "parquet", "FORMAT parquet, COMPRESSION zstd", false},
    Ending{".csv", "csv", "FORMAT csv, HEADER", true},
    Ending{".tsv", "csv", "FORMAT csv, HEADER, DELIMITER '\t'", true},
    Ending{".jsonl", "jsonl", "FORMAT json", true},
    Ending{".ndjson", "jsonl", "FORMAT json", true},
    Ending{".json", "json", "FORMAT json, ARRAY true", true},
};

struct Found {
  const Ending* ending = nullptr;
  std::string_view compression;
};

Result<Found> find(const Path& file) {
  std::string name = engine::folded_name(file.filename().native());
  Found found;
  for (const auto& [ending, compression] : {std::pair{".gz", "gzip"}, std::pair{".zst", "zstd"}})
    if (name.ends_with(ending)) {
      found.compression = compression;
      name.resize(name.size() - std::string_view(ending).size());
      break;
    }
  for (const Ending& ending : kEndings)
    if (name.ends_with(ending.ending) && (ending.text || found.compression.empty())) found.ending = &ending;
  if (found.ending == nullptr)
    return user_error("usage.format",
                      fmt::format("cannot tell the format of {} by its ending", file.native()), {},
                      "endings known: .parquet .csv .tsv .json .jsonl .ndjson, and .gz or .zst behind text");
  return found;
}

}  // namespace

Result<std::string> format_of(const Path& file) {
  TM_TRY(const Found found, find(file));
  return std::string(found.ending->format);
}

Result<std::string> copy_options_of(const Path& file) {
  TM_TRY(const Found found, find(file));
  // Without a name of DuckDB's own making, which stays behind when writing fails.
  std::string out = fmt::format("{}, USE_TMP_FILE false", found.ending->copy);
  if (!found.compression.empty()) out += fmt::format(", COMPRESSION {}", found.compression);
  return out;
}

}  // namespace tidemill::pipeline
