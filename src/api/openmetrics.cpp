#include "api/openmetrics.hpp"

#include <algorithm>

#include "api/http.hpp"

namespace tidemill::api {

bool prefers_openmetrics(std::string_view accept) {
  double open = 0, plain = 0;
  while (!accept.empty()) {
    const Accepted accepted = take_accepted(accept);
    const bool ours = accepted.version.empty() || accepted.version == "1.0.0";
    if (ours && is_word(accepted.name, "application/openmetrics-text"))
      open = std::max(open, accepted.weight);
    else if (is_word(accepted.name, "text/plain"))
      plain = std::max(plain, accepted.weight);
  }
  return open > 0 && open >= plain;
}

std::string to_openmetrics(std::string_view prometheus) {
  constexpr std::string_view kType = "# TYPE ", kHelp = "# HELP ", kTotal = "_total";
  std::string out;
  out.reserve(prometheus.size());
  while (!prometheus.empty()) {
    std::string_view line = prometheus.substr(0, prometheus.find('\n') + 1);
    prometheus.remove_prefix(line.size());
    if (line.starts_with(kType) || line.starts_with(kHelp)) {
      const size_t end = line.find(' ', kType.size());
      std::string_view family = line.substr(0, end);
      line.remove_prefix(end);
      if (family.ends_with(kTotal))
        family.remove_suffix(kTotal.size());
      else if (family.starts_with(kType) && line == " counter\n")
        line = " unknown\n";
      out += family;
    }
    out += line;
  }
  return out + "# EOF\n";
}

}  // namespace tidemill::api
