#include "app/notifier_http.hpp"

#include <memory>

#include <fmt/format.h>

#include "app/curl_library.hpp"
#include "base/version.hpp"

namespace tidemill::app {

namespace {

constexpr size_t kMaxAnswerBytes = size_t{1} << 20;

size_t count_bytes(char*, size_t size, size_t count, void* total) {
  auto& bytes = *static_cast<size_t*>(total);
  bytes += size * count;
  return bytes > kMaxAnswerBytes ? 0 : size * count;
}

int ends_when_stopped(void* stop, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::stop_token*>(stop)->stop_requested() ? 1 : 0;
}

}  // namespace

Result<int> post_json(const HttpPost& post, const std::stop_token& stop) {
  TM_CHECK(load_curl());
  const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(),
                                                    [](CURL* easy) { curl_easy_cleanup(easy); });
  const std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(
      curl_slist_append(nullptr, "Content-Type: application/json"),
      [](curl_slist* list) { curl_slist_free_all(list); });
  if (!curl || !headers) return environment_error("notify.unreachable", "no memory for a request");
  const std::string agent = fmt::format("tidemill/{}", kVersion);
  size_t answered = 0;
  CURL* easy = curl.get();
  CURLcode code = CURLE_OK;
  const auto set = [&](CURLoption option, auto value) {
    if (code == CURLE_OK) code = curl_easy_setopt(easy, option, value);
  };
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_URL, post.url.c_str());
  set(CURLOPT_HTTPHEADER, headers.get());
  set(CURLOPT_USERAGENT, agent.c_str());
  set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(post.body.size()));
  set(CURLOPT_POSTFIELDS, post.body.data());
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(post.connect_timeout.micros / 1000));
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(post.timeout.micros / 1000));
  set(CURLOPT_WRITEFUNCTION, &count_bytes);
  set(CURLOPT_WRITEDATA, static_cast<void*>(&answered));
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, &ends_when_stopped);
  set(CURLOPT_XFERINFODATA, const_cast<void*>(static_cast<const void*>(&stop)));
  if (code == CURLE_OK) code = curl_easy_perform(easy);
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  // An answer that goes on for ever is one all the same.
  if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && status > 0)) return static_cast<int>(status);
  if (stop.stop_requested()) return environment_error("interrupted", "the request was interrupted");
  return environment_error("notify.unreachable", curl_easy_strerror(code));
}

}  // namespace tidemill::app
