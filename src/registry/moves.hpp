// How live pointers move: every change of what is live is a release, written as intervals of releases. All
// within the caller's transaction. Private to the room.
#pragma once

#include "registry/registry.hpp"
#include "registry/sqlite.hpp"

namespace tidemill::registry {

/// An alias's place in its history. before: the move that a rollback of the alias goes back to.
struct Move {
  int64_t id = 0;
  int version = 0;
  std::optional<int64_t> before;
};

/// A new row in releases; also raises the generation.
Result<int64_t> add_release(Database& database, const std::optional<std::string>& run, Instant at,
                            const std::string& note);
Result<Release> load_release(Database& database, int64_t id);

/// Empty: the table is no longer live.
Result<void> move_table(Database& database, int64_t release, const std::string& name,
                        std::optional<int64_t> table);
/// Empty: the alias is gone.
struct AliasTarget {
  int version = 0;
  std::optional<int64_t> before;
};
Result<void> move_alias(Database& database, int64_t release, const std::string& model,
                        const std::string& alias, std::optional<AliasTarget> target,
                        const std::string& reason);
Result<std::optional<Move>> current_move(Database& database, const std::string& model,
                                         const std::string& alias);
Result<std::optional<Move>> move_by_id(Database& database, int64_t id);

/// Withdraws the key of the step that made this version, and the other way round.
Result<void> withdraw_version(Database& database, const std::string& model, int version);
Result<void> restore_version(Database& database, const std::string& model, int version);
/// Clears the withdrawal of an output, with its audit entry; false: there was none.
Result<bool> reinstate_output(Registry::Impl& impl, const std::string& step, const std::string& key);
/// The same for the tables that predict() made with this version, and for those made of them, as long as what
/// is live of each was made by the same statement.
Result<void> reinstate_made_with(Registry::Impl& impl, const std::string& model, int version);
Result<void> put_on_hold(Database& database, const std::string& model, const std::string& reason);
Result<std::optional<std::string>> hold_of(Database& database, const std::string& model);
Result<void> write_anchor(Database& database, const std::string& model, int version);
std::unexpected<Error> on_hold(const std::string& model, const std::string& reason);

/// Why a version was retired; nothing: it was not, or there is none.
Result<std::optional<std::string>> retirement_of(Database& database, const std::string& model, int version);
std::unexpected<Error> was_dropped(const std::string& model, int version);
/// So that servers look again.
Result<void> raise_generation(Database& database);
/// Of all rollouts: those to which all that is said here applies.
struct EndedRollouts {
  std::optional<std::string> deployment = {}, model = {}, alias = {};
  std::optional<int> version = {};
};
/// Ends them, each with its audit entry.
Result<void> end_rollouts(Registry::Impl& impl, const EndedRollouts& which, const std::string& reason);

/// A rollback took it back.
Result<bool> is_withdrawn(Database& database, const std::string& model, int version);
std::unexpected<Error> was_withdrawn(const std::string& model, int version);

/// The version exists, was neither rejected nor retired and is still there; an alias is a plain word and no
/// number.
Result<void> demand_promotable(Database& database, const std::string& model, int version,
                               const std::string& alias);
std::unexpected<Error> unknown_version(Database& database, const std::string& model,
                                       const std::string& reference);

}  // namespace tidemill::registry
