#include "pipeline/git.hpp"

#include <fmt/format.h>

#include "base/process.hpp"

namespace tidemill::pipeline {

namespace {

constexpr Duration kGitLimit{10'000'000};
constexpr std::string_view kOid = "# branch.oid ";

bool in_repository(Path folder) {
  std::error_code ignored;
  for (; !folder.empty(); folder = folder.parent_path()) {
    if (std::filesystem::exists(folder / ".git", ignored)) return true;
    if (folder == folder.root_path()) return false;
  }
  return false;
}

}  // namespace

GitState git_state(const project::Project& project, const Path& scratch) {
  if (!in_repository(project.folder)) return {};
  ChildOptions options;
  options.command = {"git", "status", "--porcelain=v2", "--branch", "--", "."};
  const auto leave_out = [&](const Path& path) {
    const Path relative = path.lexically_relative(project.folder);
    if (!relative.empty() && *relative.begin() != "..")
      options.command.push_back(":(exclude)" + relative.native());
  };
  leave_out(project.home);
  for (const auto& [name, target] : project.exports)
    if (!target.path.empty()) leave_out((project.folder / target.path).lexically_normal());
  options.folder = project.folder;
  options.environment = {{"GIT_OPTIONAL_LOCKS", "0"}, {"LC_ALL", "C"}};
  options.output_path = scratch;
  options.time_limit = kGitLimit;
  const auto exit = run_child(options);
  const auto answer = read_file(scratch);
  std::error_code ignored;
  std::filesystem::remove(scratch, ignored);
  if (!exit || exit->code != 0 || !answer) return {};
  GitState state;
  size_t at = 0;
  while (at < answer->size()) {
    const size_t end = std::min(answer->find('\n', at), answer->size());
    const std::string_view line(answer->data() + at, end - at);
    if (line.starts_with(kOid))
      state.commit = line.substr(kOid.size());
    else if (!line.empty() && line[0] != '#')
      state.dirty = true;
    at = end + 1;
  }
  if (state.commit == "(initial)") state.commit.clear();
  return state;
}

}  // namespace tidemill::pipeline
