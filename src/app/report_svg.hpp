// What drawings are made of: escaped text, scales, ticks, short numbers and times, and one SVG element after
// the other. Pure functions; colours are classes that the page's style gives.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace tidemill::app {

/// For HTML and XML, in text and in quoted attributes: what comes from data is text, whatever it holds. Bytes
/// that are no UTF-8, and control characters, become the replacement character.
std::string escaped(std::string_view text);
/// At most so many characters, an ellipsis among them. Of text that is not escaped yet.
std::string shortened(std::string_view text, size_t characters);

/// From [from, to] of values to [begin, end] of pixels, which may fall. A range without width maps to its
/// middle.
struct Scale {
  double from = 0, to = 1, begin = 0, end = 1;
  double operator()(double value) const;
};

/// Round numbers (1, 2 or 5 times a power of ten) within [low, high], some `wanted` of them; nothing where
/// the range has no width or is not finite.
std::vector<double> ticks(double low, double high, int wanted);

/// "0.0312", "1 234", "1.2e+09": for people, to `digits` digits.
std::string short_number(double value, int digits = 3);
/// "12.3 %", "0.04 %", with a space that does not break.
std::string percent_text(double share);
/// "29 Nov", "29 Nov 14:00": what tells periods of such a length apart. UTC.
std::string short_time(Instant instant, Duration period);

/// A drawing of fixed proportions, as wide as its place. title and description are for who does not see it.
class Svg {
 public:
  Svg(double width, double height, std::string_view title, std::string_view description);
  void rect(double x, double y, double width, double height, std::string_view style);
  void line(double x1, double y1, double x2, double y2, std::string_view style);
  void circle(double x, double y, double radius, std::string_view style);
  struct Point {
    double x = 0, y = 0;
  };
  /// Nothing for fewer than two points.
  void polyline(const std::vector<Point>& points, std::string_view style);
  void polygon(const std::vector<Point>& points, std::string_view style);
  enum class Anchor { Start, Middle, End };
  void text(double x, double y, Anchor anchor, std::string_view text, std::string_view style = "t");
  /// What is drawn until ungroup() has this text when it is pointed at.
  void group(std::string_view tip);
  void ungroup();
  std::string finish() &&;

 private:
  std::string out_;
};

}  // namespace tidemill::app
