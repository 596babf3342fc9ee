#include "api/plain_request.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "api/datatype.hpp"
#include "api/json_text.hpp"

namespace tidemill::api {

namespace {

using serving::Tensor;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

constexpr size_t kDigitsAtOnce = 8;

// The digits that eight bytes begin with.
struct Digits {
  uint64_t value = 0;
  size_t count = 0;
};

// Neighbours are added by multiplication, pairs, then fours, then both (Lemire, Quickly parsing eight digits,
// 2018). Without a branch: how many digits a number has nothing foretells.
[[gnu::always_inline]] inline Digits leading_digits(const char* bytes) {
  uint64_t x = 0;
  std::memcpy(&x, bytes, sizeof x);
  x ^= 0x3030303030303030;  // a digit is its value now, all else is more than nine
  const uint64_t others = ((x + 0x7676767676767676) | x) & 0x8080808080808080;
  const uint64_t none = others == 0 ? 1 : 0;
  const size_t count = static_cast<size_t>(std::countr_zero(others | none)) / 8 + kDigitsAtOnce * none;
  x = x << 8 * (kDigitsAtOnce - std::max<size_t>(count, 1)) &
      (0 - static_cast<uint64_t>(count != 0));  // zeros lead
  x = x * 10 + (x >> 8);
  x = ((x & 0x000000ff000000ff) * 0x000f424000000064 +
       ((x >> 16) & 0x000000ff000000ff) * 0x0000271000000001) >>
      32;
  return {x, count};
}

// Over JSON's bytes. What it takes it has read; after false its place means nothing, but for null() and
// number(), which stay where they were. Copied into a loop it stays in registers.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : at_(text.data()), end_(at_ + text.size()) {}

  bool next_is(char c) {
    skip_blanks();
    return at_ != end_ && *at_ == c;
  }
  bool take(char c) {
    if (!next_is(c)) return false;
    ++at_;
    return true;
  }
  bool at_end() {
    skip_blanks();
    return at_ == end_;
  }
  const char* at() const { return at_; }
  bool text(std::string_view& out) {
    if (!take('"')) return false;
    const char* const begin = at_;
    while (at_ != end_ && is_plain_in_json(*at_)) ++at_;
    out = {begin, static_cast<size_t>(at_ - begin)};
    return at_ != end_ && *at_++ == '"';
  }
  bool null() {
    constexpr std::string_view kNull = "null";
    if (!next_is('n') || !std::string_view(at_, end_).starts_with(kNull)) return false;
    at_ += kNull.size();
    return true;
  }
  /// Of at most 18 digits, so that nothing overflows.
  bool whole(int64_t& out) {
    constexpr int kMostDigits = 18;
    skip_blanks();
    const bool negative = take_sign();
    uint64_t digits = 0;
    const int count = take_whole_part(digits);
    if (count == 0 || count > kMostDigits) return false;
    if (at_ != end_ && (*at_ == '.' || *at_ == 'e' || *at_ == 'E')) return false;
    if (negative && digits == 0) return false;  // no value of an unsigned datatype
    out = negative ? -static_cast<int64_t>(digits) : static_cast<int64_t>(digits);
    return true;
  }
  /// The double nearest to it; not what overflows or vanishes.
  bool number(double& out) {
    constexpr int kMostDigits = 19;  // fit 64 bits
    skip_blanks();
    if (usual_number(out)) return true;
    Cursor ahead = *this;
    const bool negative = ahead.take_sign();
    uint64_t digits = 0;
    int count = ahead.take_whole_part(digits), exponent = 0;
    if (count == 0) return false;
    if (ahead.at_ != end_ && *ahead.at_ == '.') {
      ++ahead.at_;
      const int places = ahead.take_digits(digits);
      if (places == 0) return false;
      count += places;
      exponent = -places;
    }
    if (ahead.at_ != end_ && (*ahead.at_ == 'e' || *ahead.at_ == 'E') && !ahead.take_exponent(exponent))
      return false;
    // Both exact, so their quotient or product is rounded once (Clinger, How to read floating point numbers
    // accurately, 1990).
    const auto power = static_cast<size_t>(std::abs(exponent));
    if (count <= kMostDigits && digits <= kMostExact && power < kPowersOfTen.size()) {
      const auto exact = static_cast<double>(digits);
      out = exponent < 0 ? exact / kPowersOfTen[power] : exact * kPowersOfTen[power];
      if (negative) out = -out;
    } else if (const auto [stop, error] = std::from_chars(at_, ahead.at_, out);
               error != std::errc{} || stop != ahead.at_) {
      return false;
    }
    at_ = ahead.at_;
    return true;
  }

 private:
  static constexpr uint64_t kMostExact = uint64_t{1} << std::numeric_limits<double>::digits;
  static constexpr std::array<uint64_t, kDigitsAtOnce + 1> kPowers{
      1, 10, 100, 1'000, 10'000, 100'000, 1'000'000, 10'000'000, 100'000'000};
  static constexpr std::array kPowersOfTen{1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                           1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                           1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

  /// "-12.345" and a comma or the list's end behind it, with no look at the end of the text at each step.
  /// False, and nothing happened, for every other form.
  bool usual_number(double& out) {
    constexpr ptrdiff_t kMostWhole = 10, kMostPlaces = 2 * kDigitsAtOnce;
    if (std::endian::native != std::endian::little || end_ - at_ < 1 + kMostWhole + 1 + kMostPlaces + 1)
      return false;
    const char* at = at_;
    const auto negative = static_cast<uint64_t>(*at == '-');
    at += negative;
    const char* const whole = at;
    uint64_t digits = 0;
    while (is_digit(*at) && at - whole < kMostWhole)
      digits = digits * 10 + static_cast<uint64_t>(*at++ - '0');
    const bool leads = (*whole == '0') & (at - whole > 1);
    if ((*at != '.') | (at == whole) | leads) return false;
    const Digits first = leading_digits(++at);
    at += first.count;
    digits = digits * kPowers[first.count] + first.value;
    size_t places = first.count;
    if (places == kDigitsAtOnce && is_digit(*at)) {  // seldom
      constexpr ptrdiff_t kWholeOfMany = 3;          // 19 digits fit
      if (at - whole > kWholeOfMany + 1 + static_cast<ptrdiff_t>(kDigitsAtOnce)) return false;
      const Digits second = leading_digits(at);
      at += second.count;
      digits = digits * kPowers[second.count] + second.value;
      places += second.count;
    }
    if ((places == 0) | (digits > kMostExact) | ((*at != ',') & (*at != ']'))) return false;
    const double value =
        static_cast<double>(static_cast<int64_t>(digits)) / kPowersOfTen[places];  // as number()
    out = std::bit_cast<double>(std::bit_cast<uint64_t>(value) | negative << 63);
    at_ = at;
    return true;
  }
  void skip_blanks() {
    while (at_ != end_ && *at_ <= ' ' && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }
  int take_digits(uint64_t& digits) {
    const char* const begin = at_;
    for (; at_ != end_ && is_digit(*at_); ++at_) digits = digits * 10 + static_cast<uint64_t>(*at_ - '0');
    return static_cast<int>(std::min<ptrdiff_t>(at_ - begin, std::numeric_limits<int>::max() / 2));
  }
  /// How many digits; none where a zero leads others.
  int take_whole_part(uint64_t& digits) {
    const bool zero = at_ != end_ && *at_ == '0';
    const int count = take_digits(digits);
    return zero && count > 1 ? 0 : count;
  }
  bool take_sign() {
    if (at_ == end_ || *at_ != '-') return false;
    ++at_;
    return true;
  }
  bool take_exponent(int& exponent) {
    constexpr int kMostDigits = 4;
    ++at_;
    const bool negative = take_sign();
    if (!negative && at_ != end_ && *at_ == '+') ++at_;
    uint64_t digits = 0;
    const int count = take_digits(digits);
    if (count == 0 || count > kMostDigits) return false;
    exponent += negative ? -static_cast<int>(digits) : static_cast<int>(digits);
    return true;
  }

  const char* at_;
  const char* end_;
};

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
constexpr double kMost = std::numeric_limits<double>::max();
// Rounded to a float, what is greater is infinite: half of the last place above the greatest float is even's.
constexpr double kMostOfFloat = 0x1.fffffefffffffp127;

// One element of an input's data. A missing value is NaN, or a missing text.
bool read_value(Cursor& json, const DataType& type, Tensor& tensor) {
  if (json.null()) {
    if (type.kind == Kind::Text)
      tensor.texts.add_missing();
    else
      tensor.numbers.push_back(kMissing);
    return true;
  }
  switch (type.kind) {
    case Kind::Real:  // read_reals()'s
    case Kind::Bool:
      break;
    case Kind::Signed:
    case Kind::Unsigned: {
      int64_t whole = 0;
      if (!json.whole(whole) || !type.holds(whole)) return false;
      tensor.numbers.push_back(static_cast<double>(whole));
      return true;
    }
    case Kind::Text: {
      std::string_view text;
      if (!json.text(text)) return false;
      tensor.texts.add(text);
      return true;
    }
  }
  return false;
}

// The usual data: each number is looked at in its own registers.
bool read_reals(Cursor& from, double most, int64_t count, std::vector<double>& numbers) {
  Cursor json = from;
  if (!json.take('[')) return false;
  for (int64_t i = 0; i < count; ++i) {
    double number = kMissing;
    if (i > 0 && !json.take(',')) return false;
    if (json.number(number) ? std::abs(number) > most : !json.null()) return false;
    numbers.push_back(number);
  }
  const bool all = json.take(']');
  from = json;
  return all;
}

bool read_values(Cursor& json, const DataType& type, int64_t count, Tensor& tensor) {
  if (type.kind == Kind::Real)
    return read_reals(json, type.bytes == sizeof(float) ? kMostOfFloat : kMost, count, tensor.numbers);
  if (!json.take('[')) return false;
  for (int64_t i = 0; i < count; ++i)
    if ((i > 0 && !json.take(',')) || !read_value(json, type, tensor)) return false;
  return json.take(']');
}

bool read_data(Cursor& json, Tensor& tensor, size_t& allowed) {
  const auto type = find_datatype(tensor);
  if (!type || (*type)->name == "FP16" || (*type)->name == "BF16") return false;
  const auto count = serving::take_values(tensor, allowed);
  if (!count) return false;
  constexpr size_t kMostReserved = size_t{1} << 12;  // what is expected is a claim
  if ((*type)->kind != Kind::Text) tensor.numbers.reserve(std::min(*count, kMostReserved));
  Cursor ahead = json;
  const bool nested = tensor.shape.size() == 2 && ahead.take('[') && ahead.next_is('[');
  if (!nested) return read_values(json, **type, static_cast<int64_t>(*count), tensor);
  if (!json.take('[')) return false;
  for (int64_t row = 0; row < tensor.shape[0]; ++row)
    if ((row > 0 && !json.take(',')) || !read_values(json, **type, tensor.shape[1], tensor)) return false;
  return json.take(']');
}

bool read_shape(Cursor& json, Tensor& tensor) {
  if (!json.take('[')) return false;
  do {
    int64_t extent = 0;
    if (!json.whole(extent)) return false;
    tensor.shape.push_back(extent);
  } while (json.take(','));
  return json.take(']');
}

bool read_text(Cursor& json, std::string& out) {
  std::string_view text;
  if (!json.text(text)) return false;
  out = text;
  return true;
}

// data: where it begins.
bool read_input(Cursor& json, Tensor& tensor, size_t& allowed, const char*& data) {
  if (!json.take('{')) return false;
  bool named = false, typed = false, shaped = false;
  std::string_view key;
  do {
    if (!json.text(key) || !json.take(':')) return false;
    if (key == "data") {
      data = json.at();
      return named && typed && shaped && read_data(json, tensor, allowed) && json.take('}');
    }
    bool* const seen = key == "name"       ? &named
                       : key == "datatype" ? &typed
                       : key == "shape"    ? &shaped
                                           : nullptr;
    if (seen == nullptr || *seen) return false;
    *seen = true;
    if (seen == &shaped ? !read_shape(json, tensor)
                        : !read_text(json, seen == &named ? tensor.name : tensor.datatype))
      return false;
  } while (json.take(','));
  return false;
}

// data: where the last one's begins.
bool read_inputs(Cursor& json, std::vector<Tensor>& inputs, const char*& data) {
  if (!json.take('[')) return false;
  size_t allowed = serving::kMaxValuesPerRequest, count = 0;
  do {
    if (count == inputs.size()) inputs.emplace_back();
    inputs[count].clear();
    if (!read_input(json, inputs[count++], allowed, data)) return false;
  } while (json.take(','));
  inputs.resize(count);
  return json.take(']');
}

// As new but for its inputs, in whose memory others are read.
void forget(V2Request& request) {
  request.infer.id.clear();
  request.infer.outputs.clear();
  request.infer.keys.clear();
  request.all = {};
  request.named.clear();
  request.timeout.reset();
  request.binary_bytes.clear();
  request.json.clear();
  request.before_data.clear();
}

// Of a body that is the request up to its only input's data, and on from there has nothing but data.
bool read_other_data(std::string_view body, V2Request& request) {
  size_t allowed = serving::kMaxValuesPerRequest;
  Tensor& input = request.infer.inputs.front();
  input.numbers.clear();
  input.texts.clear();
  Cursor json(body.substr(request.before_data.size()));
  return read_data(json, input, allowed) && json.take('}') && json.take(']') && json.take('}') &&
         json.at_end();
}

}  // namespace

bool read_plain_request(std::string_view body, V2Request& out) {
  constexpr size_t kMostRemembered = size_t{1} << 10;
  // A client mostly sends other values and nothing else. Whoever was given the request may have taken its
  // input.
  const bool has_input = !out.before_data.empty() && out.infer.inputs.size() == 1;
  if (has_input && body.starts_with(out.before_data) && read_other_data(body, out)) return true;
  forget(out);
  Cursor json(body);
  bool has_id = false, has_inputs = false;
  if (!json.take('{')) return false;
  std::string_view key;
  const char* data = nullptr;
  do {
    if (!json.text(key) || !json.take(':')) return false;
    if (key == "id" && !has_id) {
      has_id = true;
      if (!read_text(json, out.infer.id)) return false;
    } else if (key == "inputs" && !has_inputs) {
      has_inputs = true;
      if (!read_inputs(json, out.infer.inputs, data)) return false;
    } else {
      return false;
    }
  } while (json.take(','));
  if (!has_inputs || !json.take('}') || !json.at_end()) return false;
  const auto before = static_cast<size_t>(data - body.data());
  if (out.infer.inputs.size() == 1 && key == "inputs" && before <= kMostRemembered)
    out.before_data = body.substr(0, before);
  return true;
}

}  // namespace tidemill::api
