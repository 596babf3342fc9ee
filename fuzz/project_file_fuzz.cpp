// Any bytes as tidemill.yaml: a project or errors with places, never a crash. The last byte chooses the
// environment. No file is read beside it, since the folder does not exist, except what ${file:…} names.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "project/load.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tidemill;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  project::LoadOptions options;
  if (size > 0 && data[size - 1] % 3 == 1) options.environment = "dev";
  const auto project = project::load_text(text, "/no-such-folder/here", options);
  if (project) {
    if (to_text(project::to_json(*project)).empty()) std::abort();
    return 0;
  }
  if (project.error().empty()) std::abort();
  for (const Error& error : project.error())
    if (error.where.line < 1 || error.where.column < 1 || !error.code.starts_with("project.")) std::abort();
  return 0;
}
