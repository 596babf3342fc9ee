#include "pipeline/queue.hpp"

namespace tidemill::pipeline {

StepQueue::StepQueue(const Plan& plan, int slots)
    : plan_(plan),
      slots_(slots),
      waiting_(plan.steps.size()),
      readers_(plan.steps.size()),
      begun_(plan.steps.size(), true) {
  std::map<std::string, size_t> at;
  for (size_t i = 0; i < plan.steps.size(); ++i)
    if (plan.steps[i].state != StepState::NotSelected) {
      at[plan.steps[i].id] = i;
      begun_[i] = false;
      ++open_;
    }
  for (const auto& [id, i] : at) {
    for (const std::string& need : plan.steps[i].needs)
      if (const auto found = at.find(need); found != at.end()) {
        ++waiting_[i];
        readers_[found->second].push_back(i);
      }
    if (waiting_[i] == 0) make_ready(i);
  }
}

void StepQueue::make_ready(size_t step) {
  const bool acts = plan_.steps[step].kind == StepKind::Export && !blocked_by_.contains(step);
  (acts && holding_ ? held_ : ready_).insert(step);
}

void StepQueue::let_exports_go() {
  holding_ = false;
  ready_.merge(held_);
}

int StepQueue::cost_of(size_t step) const { return plan_.steps[step].kind == StepKind::Model ? slots_ : 1; }

std::optional<StepQueue::Next> StepQueue::take() {
  if (ready_.empty()) return std::nullopt;
  const size_t step = *ready_.begin();
  if (const auto blocked = blocked_by_.find(step); blocked != blocked_by_.end()) {
    ready_.erase(step);
    begun_[step] = true;
    Next next{step, blocked->second};
    finish(step, false);
    return next;
  }
  if (used_ + cost_of(step) > slots_) return std::nullopt;
  ready_.erase(step);
  begun_[step] = true;
  used_ += cost_of(step);
  return Next{step, {}};
}

void StepQueue::settle(size_t step, bool succeeded) {
  used_ -= cost_of(step);
  finish(step, succeeded);
}

void StepQueue::finish(size_t step, bool succeeded) {
  --open_;
  for (const size_t reader : readers_[step]) {
    // A model that failed blocks nobody: predict() goes on with the champion there is.
    if (!succeeded && plan_.steps[step].kind != StepKind::Model)
      blocked_by_.emplace(reader, plan_.steps[step].id);
    if (--waiting_[reader] == 0) make_ready(reader);
  }
}

std::vector<size_t> StepQueue::not_begun() const {
  std::vector<size_t> out;
  for (size_t i = 0; i < begun_.size(); ++i)
    if (!begun_[i]) out.push_back(i);
  return out;
}

}  // namespace tidemill::pipeline
