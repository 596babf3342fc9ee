// Puts an answer together of many short pieces: with room for one, it costs a few instructions and no call.
#pragma once

#include <cstring>
#include <string>
#include <string_view>

namespace tidemill::api {

/// Appends to a text, which is whole when the writer goes.
class TextWriter {
 public:
  /// usual: how much is mostly written; more is as right.
  TextWriter(std::string& out, size_t usual) : out_(out) { make_room(out.size(), usual); }
  ~TextWriter() { out_.resize(size()); }
  TextWriter(const TextWriter&) = delete;
  TextWriter& operator=(const TextWriter&) = delete;
  /// Inlined wherever it stands, so that a literal is copied by its length.
  [[gnu::always_inline]] void add(std::string_view piece) {
    if (static_cast<size_t>(end_ - at_) < piece.size()) [[unlikely]]
      make_room(size(), size() + piece.size());
    std::memcpy(at_, piece.data(), piece.size());
    at_ += piece.size();
  }
  size_t size() const { return static_cast<size_t>(at_ - out_.data()); }

 private:
  [[gnu::noinline]] void make_room(size_t written, size_t more) {
    out_.resize(written + more);
    at_ = out_.data() + written;
    end_ = out_.data() + out_.size();
  }
  std::string& out_;
  char *at_ = nullptr, *end_ = nullptr;  // of what is not written yet
};

}  // namespace tidemill::api
