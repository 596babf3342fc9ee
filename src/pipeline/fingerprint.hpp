// Hashes of what lies outside of the home: a source's files, a command's scripts; whether an export's file is
// still there. A file's hash is memoised by inode, size and mtime, unless the file was touched in the two
// seconds before it was read.
#pragma once

#include <map>
#include <string>

#include "base/error.hpp"
#include "project/project.hpp"
#include "registry/registry.hpp"

namespace tidemill::pipeline {

/// A database table: its data cannot be told from outside, so its step always runs.
inline constexpr std::string_view kReadEveryRun = "read every run";
/// Missing or denied files: the step will run and fail with the reason.
inline constexpr std::string_view kUnreadable = "unreadable";

/// What a command runs: the declared scripts, and each of its arguments that may be a file under the
/// project's folder.
std::vector<Path> scripts_of(const project::Project& project, const project::Transform& transform);

/// Where the parts of a fingerprint map lie beside sources: "script:/path", "export:NAME" ("present",
/// "missing" or "altered": another file than the one that was written).
std::string script_entry(const Path& script);
std::string export_entry(const std::string& name);
/// Remembers the hash of the file that an export wrote, by the export's name.
Result<void> keep_exported(registry::Registry& registry, const std::string& name, const std::string& sha256);
Path export_path(const project::Project& project, const project::Export& target);

}  // namespace tidemill::pipeline
