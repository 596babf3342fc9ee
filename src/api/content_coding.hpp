// Content codings of HTTP bodies (RFC 9110, 8.4): gzip, and deflate, which is the zlib format, both ways.
#pragma once

#include "api/handler.hpp"
#include "api/replies.hpp"

namespace tidemill::api {

enum class Coding { Identity, Gzip, Deflate };

/// Of a Content-Encoding header. Error http.media_type for any other, also for several at once.
Result<Coding> content_coding(std::string_view header);
/// The coding that an Accept-Encoding header likes best of those known here; Identity where it names none.
Coding accepted_coding(std::string_view header);

/// Errors: http.too_large beyond max_bytes, http.coding when it is not such data or does not end.
Result<std::string> decode(std::string_view body, Coding coding, size_t max_bytes);
std::string encode(std::string_view body, Coding coding);

/// Whether its body is coded, or its answer may be: else answer_coded() has nothing to do.
bool is_coded(const Request& request);
/// Lets a handler see the body decoded, and encodes its answer as the caller likes when it is long enough to
/// be worth it. What is long when decoded is a worker's.
Answer answer_coded(const Request& request, size_t max_body_bytes, const Handler& handler,
                    ErrorForm form = ErrorForm::Plain);

}  // namespace tidemill::api
