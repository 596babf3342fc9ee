// A transform's step: its SELECT over the snapshots of what it reads makes a table.
#include <fmt/format.h>

#include "pipeline/publication.hpp"

namespace tidemill::pipeline {

Result<StepWork> run_transform(const StepContext& step) {
  const project::Transform& transform = step.project().transforms.at(step.outline.name);
  const Path file = step.staged(".parquet");
  engine::WrittenTable written;
  {
    const Engines::Kind kind =
        transform.deterministic ? Engines::Kind::OneThread : Engines::Kind::Transforming;
    // What is not the same each time may change its session: setseed().
    TM_TRY(const std::unique_ptr<Watched> connection,
           step.outline.never_cached.empty() ? step.borrow(kind) : step.connect(kind));
    TM_CHECK(step.view_inputs(**connection));
    auto made = (*connection)->write_parquet(transform.sql, file);
    if (!made) {
      Error error = std::move(made).error();
      const Place place = place_of_sql(step.project(), transform);
      if (error.where.file.empty()) error.where.file = place.file;
      if (error.where.what.empty()) error.where.what = place.what;
      return std::unexpected(std::move(error));
    }
    written = *std::move(made);
  }
  step.log.line(fmt::format("{} rows, {} bytes", written.rows, written.bytes));
  TM_TRY(Audited audited, audit(step, {file, std::move(written)}, quality::checks_of(transform)));
  return publish(step, std::move(audited));
}

}  // namespace tidemill::pipeline
