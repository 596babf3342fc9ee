#include "pipeline/batch_files.hpp"

#include <fnmatch.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "engine/scan.hpp"

namespace tidemill::pipeline {

namespace {

namespace fs = std::filesystem;

bool is_there(const Path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

bool same_file(const Path& a, const Path& b) {
  std::error_code ignored;  // of a file that is not there
  return fs::equivalent(a, b, ignored);
}

std::unexpected<Error> unwritable(const Path& output, std::string_view why, std::string hint) {
  return std::unexpected(Error{.kind = ErrorKind::Environment,
                               .code = "predict.unwritable_output",
                               .message = fmt::format("cannot write {}: {}", output.native(), why),
                               .where = {.file = output.native()},
                               .hint = std::move(hint)});
}

/// A file that is not there yet, but would be input the next time.
bool matches_glob(const Path& output, const Path& input, const std::vector<Path>& files) {
  if (is_there(input) || fnmatch(input.filename().c_str(), output.filename().c_str(), FNM_PERIOD) != 0)
    return false;
  const Path folder = fs::absolute(output).parent_path();
  return std::ranges::any_of(files, [&](const Path& file) { return same_file(file.parent_path(), folder); });
}

}  // namespace

Result<std::vector<Path>> batch_input(const Path& input) {
  if (is_there(input)) return std::vector{fs::absolute(input)};
  if (input.native().find_first_of("*?[") == std::string::npos)
    return errno_error("open", input.native(), ENOENT);
  return engine::expand_globs(fs::current_path(), {input.native()});
}

Result<void> check_batch_output(const Path& output, const Path& input, const std::vector<Path>& files) {
  const bool is_input =
      std::ranges::any_of(files, [&](const Path& file) { return same_file(file, output); }) ||
      matches_glob(output, input, files);
  if (is_input)
    return user_error(
        "predict.output_is_input",
        is_there(input)
            ? fmt::format("{} is the input itself: the rows would be written over", output.native())
            : fmt::format("{} is among the files that {} means: it would be both input and output",
                          output.native(), input.native()),
        {.file = output.native()}, "name another file behind -o");
  std::error_code ignored;
  if (fs::is_directory(output, ignored))
    return unwritable(output, "it is a folder", "name a file in it behind -o");
  const Path folder = fs::absolute(output).parent_path();
  if (const auto made = make_folder(folder); !made)
    return unwritable(output, made.error().message,
                      "make its folder yourself, or name another one behind -o");
  if (::access(folder.c_str(), W_OK) != 0)
    return unwritable(output, std::strerror(errno),
                      "check the owner and mode of its folder, and whether the file system is mounted "
                      "read-only; or name another folder behind -o");
  return {};
}

}  // namespace tidemill::pipeline
