#include "monitoring/notify_outbox.hpp"

#include <algorithm>
#include <cerrno>

#include <unistd.h>

#include <fmt/format.h>

#include "monitoring/roll.hpp"

namespace tidemill::monitoring {

namespace {

constexpr size_t kMaxNoticeBytes = size_t{1} << 20;

std::string ending(const std::string& to) { return fmt::format(".{}.json", to); }

}  // namespace

Result<size_t> Outbox::add(const std::string& to, const Notice& notice) const {
  TM_CHECK(make_folder(folder_));
  const Path file =
      folder_ / fmt::format("{:020}-{}{}", std::max<int64_t>(notice.at.micros, 0), notice.id, ending(to));
  TM_CHECK(write_file(file, tidemill::to_text(to_json(notice))));
  const std::vector<Path> all = waiting(to);
  const size_t dropped = all.size() > most_ ? all.size() - most_ : 0;
  for (size_t i = 0; i < dropped; ++i) TM_CHECK(remove(all[i]));
  return dropped;
}

std::vector<Path> Outbox::waiting(const std::string& to) const { return files_ending(folder_, ending(to)); }

Result<Notice> Outbox::read(const Path& file) {
  TM_TRY(const std::string text, read_file(file, kMaxNoticeBytes));
  TM_TRY(const Json json, parse_json(text, file.native()));
  return notice_from_json(json);
}

Result<void> Outbox::remove(const Path& file) {
  if (::unlink(file.c_str()) != 0 && errno != ENOENT) return errno_error("remove", file.native(), errno);
  return {};
}

}  // namespace tidemill::monitoring
