// What the registry's tests share: a temporary home, and short words for common acts. Included by tests only.
#pragma once

#include <cstdlib>

#include <gtest/gtest.h>

#include "registry/registry.hpp"

namespace tidemill::registry {

/// The value, or the test's end with the error's text.
template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(to_text(result.error()));
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}
template <class T>
std::string code_of(const Result<T>& result) {
  return result ? "no error" : result.error().code;
}

struct TestTable {
  std::string name, key, bytes;
};
struct TestVersion {
  std::string model, key;
  std::string state = "accepted";
};

/// A clock that a test moves.
class TestClock final : public Clock {
 public:
  Instant now() const override { return at; }
  Instant at{1'383'456'600'000'000};
};

class TestHome {
 public:
  TestHome() {
    std::string name = (base() / "tidemill-registry-XXXXXX").native();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a temporary folder");
    folder_ = name;
  }
  ~TestHome() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  TestHome(const TestHome&) = delete;

  const Path& folder() const { return folder_; }
  Path path() const { return folder_ / "home"; }
  std::shared_ptr<TestClock> clock = std::make_shared<TestClock>();

  Result<std::unique_ptr<Registry>> try_open(Options::Mode mode = Options::Mode::ReadWrite) const {
    return Registry::open({path(), clock, "ann@here", mode});
  }
  std::unique_ptr<Registry> open(Options::Mode mode = Options::Mode::ReadWrite) const {
    return must(try_open(mode));
  }

  static void begin(Registry& registry, const std::string& run) {
    Run value;
    value.id = run;
    value.by = "ann@here";
    must(registry.begin_run(value));
  }
  /// Records a source's table as a done step.
  static Table add_table(Registry& registry, const std::string& run, const TestTable& table) {
    StepRecord step;
    step.run = run;
    step.step = "source:" + table.name;
    step.key = table.key;
    step.table = Table{
        0,  table.name, must(registry.put_bytes(table.bytes)), "logical of " + table.bytes, 3, 100, {}, {},
        {}, {}};
    step.table->columns = {{"id", "BIGINT"}, {"note \"x\"", "VARCHAR"}};
    return *must(registry.record_step(step)).table;
  }
  static Version add_version(Registry& registry, const std::string& run, const TestVersion& version) {
    StepRecord step;
    step.run = run;
    step.step = "model:" + version.model;
    step.key = version.key;
    const ObjectId file = must(registry.put_bytes("trees of " + version.model + version.key));
    const Json manifest{
        {"model", version.model}, {"made for", version.key}, {"files", {{"model.ubj", file}}}};
    step.version.emplace();
    step.version->model = version.model;
    step.version->package = must(registry.put_bytes(tidemill::to_text(manifest)));
    step.version->state = version.state;
    return *must(registry.record_step(step)).version;
  }
  /// A whole run: tables, and new champions.
  static Release publish(Registry& registry, const std::string& run, const std::vector<TestTable>& tables,
                         const std::vector<TestVersion>& champions = {}) {
    begin(registry, run);
    Registry::Publication publication{run, "done"};
    for (const TestTable& table : tables) publication.tables[table.name] = add_table(registry, run, table).id;
    for (const TestVersion& version : champions)
      publication.aliases.push_back(
          {version.model, "champion", add_version(registry, run, version).number, "better"});
    return must(registry.end_run(publication)).value();
  }

 private:
  // Memory is enough here and syncs at once; TMPDIR says otherwise when a disk is wanted.
  static Path base() {
    std::error_code ignored;
    if (std::getenv("TMPDIR") == nullptr && std::filesystem::is_directory("/dev/shm", ignored))
      return "/dev/shm";
    return std::filesystem::temp_directory_path();
  }
  Path folder_;
};

}  // namespace tidemill::registry
