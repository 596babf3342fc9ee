// Numbers for Prometheus in its text format. Labels come from fixed sets (deployment, version, protocol,
// status), so that their number stays bounded.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.hpp"

namespace tidemill::api {

class Metrics {
 public:
  struct Inference {
    std::string model;     // the deployment's name
    int version = 0;       // 0: none was reached
    std::string role;      // the alias it is served under
    std::string protocol;  // "v2"
    int code = 200;
    size_t rows = 0;
    int64_t unseen_categories = 0;
    double seconds = 0;
  };
  void count(const Inference& inference);
  struct Deployment {
    std::string model;           // the deployment's name
    std::string registry_model;  // what it serves now, if anything
    int version = 0;             // 0: nothing
    std::string role;
    bool current = true;  // it serves what its alias names
    uint64_t load_failures = 0;
  };
  std::string text(const std::vector<Deployment>& deployments) const;

 private:
  static constexpr std::array kBounds{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                      0.05,   0.1,     0.25,   0.5,   1.0,    2.5,   5.0};
  struct Histogram {
    std::array<uint64_t, kBounds.size() + 1> buckets{};
    double sum = 0;
  };
  mutable std::mutex mutex_;
  std::map<std::string, uint64_t> requests_;  // labels → count
  std::map<std::string, Histogram> durations_;
  std::map<std::string, uint64_t> rows_;
  std::map<std::string, uint64_t> unseen_;
};

}  // namespace tidemill::api
