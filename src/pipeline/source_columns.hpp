// Which columns each source has: what was seen last for the same declaration and files, or a look at the
// files themselves. A source that cannot be read now but could before keeps its old columns: its step will
// fail, the other branches go on.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/steady_read.hpp"
#include "engine/scan.hpp"
#include "project/project.hpp"
#include "registry/registry.hpp"

namespace tidemill::pipeline {

/// What a look at a source's files found, for the step that reads them.
struct LookedAt {
  std::string files;   // files_state() before the look
  std::string select;  // engine::select_from_files()
};
/// Inode, size and time of every file; the same state, the same content. Empty when that cannot be told: a
/// file is missing, or was touched in the last two seconds, so that a change might leave its time as it is.
std::string files_state(const engine::FileScan& scan);

struct SourceColumns {
  std::map<std::string, std::vector<engine::Column>> of;  // sources whose columns are known
  std::map<std::string, LookedAt> looked;                 // sources that were looked at now
  Errors errors;                                          // one for each of the others
};
SourceColumns columns_of_sources(const project::Project& project, registry::Registry& registry,
                                 const std::map<std::string, std::string>& fingerprints);

/// The files that it has now. Errors: source.no_files; a log that nobody wrote yet has none.
Result<std::vector<Path>> files_of(const project::Project& project, const project::Source& source);
/// What `read` returns of a source's files, which it must name anew each time: one of Parquet, as a log's is,
/// may be replaced meanwhile.
template <class Read>
auto read_source(const project::Project& project, const project::Source& source, const Read& read)
    -> decltype(read()) {
  if (source.format != "parquet") return read();
  return read_steadily([&] { return files_of(project, source).value_or(std::vector<Path>()); }, read);
}
/// What the engine needs to read a source's files.
Result<engine::FileScan> scan_of(const project::Project& project, const project::Source& source);
/// A SELECT over a source's table or query in its attached database; attaches it as `catalog` first. Declared
/// types are cast to.
Result<std::string> select_from_database(engine::Connection& connection, const project::Project& project,
                                         const project::Source& source, const std::string& catalog);
/// Ends an attachment: catalogs belong to the instance, which other steps share.
class Detach {
 public:
  Detach(engine::Connection& connection, std::string catalog)
      : connection_(connection), catalog_(std::move(catalog)) {}
  ~Detach() { (void)connection_.execute("DETACH DATABASE IF EXISTS " + engine::quote_name(catalog_)); }
  Detach(const Detach&) = delete;
  Detach& operator=(const Detach&) = delete;

 private:
  engine::Connection& connection_;
  std::string catalog_;
};
/// "public.maintenance" → "catalog"."public"."maintenance"; without a schema: "public".
std::string database_table(const std::string& catalog, const std::string& table);

}  // namespace tidemill::pipeline
