#include "serving/joined_rows.hpp"

#include <algorithm>
#include <unordered_set>

namespace tidemill::serving {

namespace {

// The values of some rows of a tensor.
Tensor slice(const Tensor& tensor, size_t begin, size_t rows) {
  Tensor out{tensor.name, tensor.datatype, tensor.shape};
  out.shape[0] = static_cast<int64_t>(rows);
  if (tensor.datatype != "BYTES") {
    const auto from = tensor.numbers.begin() + static_cast<ptrdiff_t>(begin);
    out.numbers.assign(from, from + static_cast<ptrdiff_t>(rows));
    return out;
  }
  for (size_t r = begin; r < begin + rows; ++r) {
    if (const auto text = tensor.texts.at(r))
      out.texts.add(*text);
    else
      out.texts.add_missing();
  }
  return out;
}

}  // namespace

JoinedRows::JoinedRows(std::shared_ptr<const RowFeatures> features, std::shared_ptr<ComputeSlots> slots,
                       size_t most_rows)
    : features_(std::move(features)), slots_(std::move(slots)), most_rows_(most_rows) {}

// The first that waits, and those behind it that fit. A key may stand in a request once, and so it may in
// what is joined: a request with a key that was taken waits for the next time.
std::vector<JoinedRows::Waiting*> JoinedRows::take() const {
  std::vector<Waiting*> together;
  std::unordered_set<std::string_view> keys;
  size_t rows = 0;
  std::erase_if(waiting_, [&](Waiting* each) {
    const bool fits = together.empty() || rows + each->rows.rows <= most_rows_;
    if (!fits || std::ranges::any_of(each->rows.keys, [&](const auto& key) { return keys.contains(key); }))
      return false;
    rows += each->rows.rows;
    keys.insert(each->rows.keys.begin(), each->rows.keys.end());
    each->taken = true;
    together.push_back(each);
    return true;
  });
  return together;
}

void JoinedRows::answer(const std::vector<Waiting*>& together) const {
  if (together.size() > 1) {
    RequestRows all = together[0]->rows;
    for (size_t i = 1; i < together.size(); ++i) all.add(together[i]->rows);
    if (const auto made = features_->features(std::move(all))) {
      size_t begin = 0;
      for (Waiting* each : together) {
        std::vector<Tensor> own;
        own.reserve(made->size());
        for (const Tensor& tensor : *made) own.push_back(slice(tensor, begin, each->rows.rows));
        begin += each->rows.rows;
        each->answer = std::move(own);
      }
      return;
    }
  }
  for (Waiting* each : together) each->answer = features_->features(std::move(each->rows));
}

Result<std::vector<Tensor>> JoinedRows::features(RequestRows rows) const {
  Waiting own{std::move(rows)};
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(&own);
  }
  // Who gets the slot now finds these rows waiting. It is taken back without the lock: whoever has one may
  // be waiting for that.
  const ComputeSlots::Pause pause(*slots_);
  wait_for(own, pause.had_one());
  return std::move(*own.answer);
}

void JoinedRows::wait_for(Waiting& own, bool with_slot) const {
  std::unique_lock lock(mutex_);
  while (!own.done) {
    if (own.taken || running_ == slots_->size()) {
      changed_.wait(lock);
      continue;
    }
    ++running_;
    lock.unlock();
    // Whoever came before to read a request has the slot first, and its rows are taken along. A thread that
    // has none is of low priority, and would keep one for too long.
    std::optional<ComputeSlots::Turn> turn;
    if (with_slot) turn.emplace(*slots_);
    lock.lock();
    const std::vector<Waiting*> together = take();
    lock.unlock();
    answer(together);
    turn.reset();
    lock.lock();
    for (Waiting* each : together) each->done = true;
    --running_;
    changed_.notify_all();
  }
}

}  // namespace tidemill::serving
