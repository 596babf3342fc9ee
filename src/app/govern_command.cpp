// tidemill promote, rollback, gc, audit, verify: acts on what is live, each with its entry in the audit
// trail.
#include <charconv>

#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/output.hpp"
#include "app/references.hpp"
#include "app/subject.hpp"
#include "serving/deployments.hpp"

namespace tidemill::app {

namespace {

using registry::Options;

template <class Act>
int with_registry(const GlobalOptions& global, Options::Mode mode, const Act& act) {
  auto session = open_session(global, mode);
  if (!session) return report(global, session.error());
  Result<int> exit = act(*session);
  return exit ? *exit : report(global, exit.error());
}

void answer(const GlobalOptions& global, const Json& json, const std::string& text) {
  if (global.json)
    print_json(json);
  else
    print(text);
}

/// Versions that the project names by number: a deployment's `late@7`, predict('late@7', …) in SQL.
registry::Registry::Pinned pinned_versions(const project::Project& project) {
  registry::Registry::Pinned pinned;
  const auto note = [&](const std::string& model, std::string_view number) {
    int parsed = 0;
    if (std::from_chars(number.data(), number.data() + number.size(), parsed).ec == std::errc())
      pinned[model].insert(parsed);
  };
  for (const auto& [name, deployment] : project.deployments) note(deployment.model, deployment.version);
  for (const auto& [name, transform] : project.transforms)
    for (const auto& [model, _] : project.models) {
      const std::string named = model + "@";
      for (size_t at = transform.sql.find(named); at != std::string::npos;
           at = transform.sql.find(named, at + 1))
        note(model, std::string_view(transform.sql).substr(at + named.size()));
    }
  return pinned;
}

/// What holds the rows of a deployment's subject: DEPLOYMENT KEY…; nothing where none is named.
Result<monitoring::Forgotten> holders_of(const Session& session, const std::vector<std::string>& words) {
  if (words.empty()) return monitoring::Forgotten();
  TM_TRY(const project::Deployment* deployment, find_deployment(session, words.front()));
  TM_TRY(const Json key,
         key_from_words(session.project.key_of(*deployment), {words.begin() + 1, words.end()}));
  return monitoring::find_holders(session.project, *session.registry, *deployment, key);
}

registry::Registry::Condemned condemned(const monitoring::Forgotten& holders) {
  registry::Registry::Condemned out;
  out.subject = holders.subject;
  for (const auto& holder : holders.snapshots) out.tables.insert(holder.snapshot);
  for (const std::string& version : holders.versions) {
    const size_t at = version.find('@');
    out.versions[version.substr(0, at)].insert(std::stoi(version.substr(at + 1)));
  }
  return out;
}

Result<void> check_as_served(const Session& session, const PromoteOptions& options, int version) {
  const serving::Promotion wanted{options.model, version, options.alias};
  auto kept = serving::check_keeps_callers(*session.registry, wanted);
  if (!kept)
    kept.error().hint = fmt::format("when they know: tidemill promote {} {} --force", options.model, version);
  TM_CHECK(kept);
  return serving::Deployments::check_promotion(session.project, wanted, *session.registry);
}

}  // namespace

int promote(const GlobalOptions& global, const PromoteOptions& options) {
  return with_registry(global, Options::Mode::ReadWrite, [&](Session& session) -> Result<int> {
    registry::Registry& registry = *session.registry;
    TM_CHECK(check_model(session, options.model));
    int version = 0;
    if (!options.version.empty()) {
      TM_TRY(const auto named, find_version(session, options.model + "@" + options.version));
      version = named.number;
      if (!options.force) TM_CHECK(check_as_served(session, options, version));
    }
    if (options.release_hold) {
      TM_CHECK(registry.release_hold(options.model));
      answer(global, {{"model", options.model}, {"hold", nullptr}},
             fmt::format(
                 "{0} may be promoted again: by the next version that passes its gate, or by you: tidemill "
                 "promote {0} VERSION",
                 options.model));
      if (options.version.empty()) return 0;
    }
    if (options.version.empty())
      return user_error("usage.arguments", "promote needs a version: tidemill promote MODEL VERSION");
    TM_CHECK(registry.promote(options.model, version, options.alias, options.reason));
    answer(global, {{"model", options.model}, {"alias", options.alias}, {"version", version}},
           fmt::format("{}@{} is version {}", options.model, options.alias, version));
    return 0;
  });
}

int rollback(const GlobalOptions& global, const RollbackOptions& options) {
  return with_registry(global, Options::Mode::ReadWrite, [&](Session& session) -> Result<int> {
    registry::Registry& registry = *session.registry;
    if ((options.release != 0) == !options.model.empty())
      return user_error("usage.arguments", "rollback takes a model, or --release ID", {},
                        "tidemill rollback late; tidemill rollback --release 3");
    if (options.release != 0) {
      TM_TRY(const auto release, registry.rollback_release(options.release, options.reason));
      std::string text = fmt::format(
          "everything is as in release {} (this is release {}); what was made since stays withdrawn until "
          "its "
          "inputs change or --force",
          options.release, release.id);
      Json held = Json::array();
      TM_TRY(const auto models, registry.models());
      for (const std::string& model : models) {
        TM_TRY(const auto hold, registry.hold(model));
        if (!hold) continue;
        held.push_back(model);
        text +=
            fmt::format("\npromotion of {0} is on hold until: tidemill promote {0} --release-hold", model);
      }
      answer(global, {{"release", release.id}, {"as", options.release}, {"on_hold", held}}, text);
      return 0;
    }
    TM_CHECK(find_version(session, options.model + "@" + options.alias));
    TM_TRY(const int version, registry.rollback_alias(options.model, options.alias, options.reason));
    answer(global, {{"model", options.model}, {"alias", options.alias}, {"version", version}, {"hold", true}},
           fmt::format("{0}@{1} is version {2} again; promotion of {0} is on hold until: tidemill promote "
                       "{0} --release-hold",
                       options.model, options.alias, version));
    return 0;
  });
}

int gc(const GlobalOptions& global, const GcOptions& options) {
  auto session = open_session(global, Options::Mode::ReadWrite);
  if (!session) return report(global, session.error());
  const auto holders = holders_of(*session, options.subject);
  if (!holders) return report(global, holders.error());
  const auto done = session->registry->gc(options.keep, options.dry_run, pinned_versions(session->project),
                                          condemned(*holders));
  if (!done) return report(global, done.error());
  const auto left = options.dry_run ? holders : holders_of(*session, options.subject);
  if (!left) return report(global, left.error());
  std::string text = fmt::format("{} {} objects, {}; {} kept", options.dry_run ? "would remove" : "removed",
                                 done->objects_removed, human_bytes(done->bytes_removed), done->objects_kept);
  if (done->versions_dropped > 0) text += fmt::format("; {} versions dropped", done->versions_dropped);
  if (done->run_folders_removed > 0) text += fmt::format("; {} run folders", done->run_folders_removed);
  Json json{{"removed", done->objects_removed},
            {"bytes", done->bytes_removed},
            {"kept", done->objects_kept},
            {"versions_dropped", done->versions_dropped},
            {"run_folders_removed", done->run_folders_removed},
            {"dry_run", options.dry_run}};
  if (!options.subject.empty()) {
    const Json held = left->to_json();
    json["subject"] = {{"snapshots", held["snapshots"]}, {"versions", held["versions"]}};
    text += holders_text(*left);
  }
  answer(global, json, text);
  return 0;
}

int audit(const GlobalOptions& global, bool verify_chain, size_t limit) {
  return with_registry(global, Options::Mode::ReadOnly, [&](Session& session) -> Result<int> {
    registry::Registry& registry = *session.registry;
    if (verify_chain) {
      TM_TRY(const int64_t entries, registry.verify_audit());
      answer(global, {{"entries", entries}, {"whole", true}},
             fmt::format("the chain of {} entries is whole", grouped(entries)));
      return 0;
    }
    TM_TRY(const auto entries, registry.audit(limit));
    Json list = Json::array();
    TextTable text({{"entry", true}, {"at"}, {"who"}, {"what"}, {"details"}});
    for (const auto& entry : entries) {
      list.push_back({{"id", entry.id},
                      {"at", to_text(entry.at)},
                      {"who", entry.who},
                      {"what", entry.what},
                      {"details", entry.details},
                      {"hash", entry.hash}});
      text.add(
          {fmt::format("{}", entry.id), human_time(entry.at), entry.who, entry.what, to_text(entry.details)});
    }
    answer(global, {{"audit", list}}, text.text());
    return 0;
  });
}

int verify(const GlobalOptions& global) {
  return with_registry(global, Options::Mode::ReadOnly, [&](Session& session) -> Result<int> {
    registry::Registry& registry = *session.registry;
    TM_TRY(const auto problems, registry.verify_objects());
    TM_TRY(const int64_t entries, registry.verify_audit());
    std::string text;
    for (const std::string& problem : problems) text += problem + "\n";
    if (problems.empty())
      text = fmt::format("every object is whole; the audit trail's {} entries hold", grouped(entries));
    answer(global, {{"problems", problems}, {"audit_entries", entries}}, text);
    return problems.empty() ? 0 : 1;
  });
}

}  // namespace tidemill::app
