#include <charconv>
#include <cmath>
#include <optional>
#include <selfscale/error.hpp>
#include <selfscale/simulate.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace selfscale {
namespace {

constexpr std::string_view columns = "t_seconds,value";

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blank = " \t\r";
  const auto first = text.find_first_not_of(blank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

std::optional<double> number(std::string_view text) {
  text = trimmed(text);
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

std::string shown(double value) {
  std::string text = std::to_string(value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

/// Reads line by line, and knows where it is when something is wrong.
class TraceReader {
 public:
  explicit TraceReader(std::string_view text) : rest_{text} {}

  std::vector<LoadPoint> read() {
    while (!rest_.empty()) read_line(next_line());
    if (!in_rows_)
      fail_whole("has no line '" + std::string{columns} +
                 "': put it between the comments and the rows");
    if (values_.empty())
      fail_whole("has no rows: after '" + std::string{columns} + "' put one row per bin");
    return points();
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error{Errc::malformed, "trace, line " + std::to_string(line_) + ": " + what};
  }
  [[noreturn]] static void fail_whole(const std::string& what) {
    throw Error{Errc::malformed, "the trace " + what};
  }

  std::string_view next_line() {
    ++line_;
    const auto end = rest_.find('\n');
    const std::string_view line = trimmed(rest_.substr(0, end));
    rest_ = end == std::string_view::npos ? std::string_view{} : rest_.substr(end + 1);
    return line;
  }

  void read_line(std::string_view line) {
    if (line.empty()) return;
    if (line.front() == '#') return read_comment(trimmed(line.substr(1)));
    if (in_rows_) return read_row(line);
    if (line != columns) {
      fail("'" + std::string{line} + "' where the column names '" + std::string{columns} +
           "' should stand");
    }
    if (!step_)
      fail(
          "no '# step_s: …' above the columns; add the length of a bin in seconds, such as '# "
          "step_s: 60'");
    if (!rate_)
      fail("no '# unit: …' above the columns; add one, such as '# unit: requests per minute'");
    in_rows_ = true;
  }

  void read_comment(std::string_view comment) {
    const auto colon = comment.find(':');
    if (colon == std::string_view::npos) return;
    const std::string_view key = trimmed(comment.substr(0, colon));
    const std::string_view value = trimmed(comment.substr(colon + 1));
    if (key == "unit") rate_ = value.ends_with("per second") || value.ends_with("/s");
    if (key != "step_s") return;
    step_ = number(value);
    if (!step_ || *step_ <= 0.0)
      fail("step_s is '" + std::string{value} + "'; it must be a number of seconds above 0");
  }

  void read_row(std::string_view line) {
    const auto comma = line.find(',');
    const auto seconds = number(line.substr(0, comma));
    const auto value =
        comma == std::string_view::npos ? std::nullopt : number(line.substr(comma + 1));
    if (!seconds || !value)
      fail("'" + std::string{line} + "' is not a row of two numbers 'seconds,value'");
    if (*value < 0.0) fail("the value " + shown(*value) + " is negative; a load is 0 or more");
    check_time(*seconds);
    values_.push_back(*value);
    if (values_.size() == 1) start_ = *seconds;
    last_ = *seconds;
  }

  void check_time(double seconds) const {
    if (values_.empty()) return;
    const double step = seconds - last_;
    if (step <= 0.0) {
      fail("t_seconds " + shown(seconds) + " comes after " + shown(last_) +
           "; sort the rows by time, each time once");
    }
    if (std::abs(step - *step_) > 1e-6 * *step_) {
      fail(shown(step) + " s after the row before, but step_s is " + shown(*step_) + " s: " +
           (step > *step_ ? "rows are missing; fill the gap (0 where there was no load), or cut "
                            "the trace there"
                          : "the bins overlap; correct step_s or the times"));
    }
  }

  /// Bins become points at their centres; the first and the last bin are level to their outer edge.
  [[nodiscard]] std::vector<LoadPoint> points() const {
    const double per_second = *rate_ ? 1.0 : 1.0 / *step_;
    std::vector<LoadPoint> points;
    points.reserve(values_.size() + 2);
    points.push_back({start_, values_.front() * per_second});
    for (std::size_t i = 0; i < values_.size(); ++i) {
      points.push_back({start_ + (static_cast<double>(i) + 0.5) * *step_, values_[i] * per_second});
    }
    points.push_back(
        {start_ + static_cast<double>(values_.size()) * *step_, values_.back() * per_second});
    return points;
  }

  std::string_view rest_;
  int line_ = 0;
  bool in_rows_ = false;
  std::optional<double> step_;
  std::optional<bool> rate_;  ///< the unit is per second, not a total of the bin
  double start_ = 0.0;
  double last_ = 0.0;
  std::vector<double> values_;
};

}  // namespace

std::vector<LoadPoint> trace_from_csv(std::string_view text) { return TraceReader{text}.read(); }

}  // namespace selfscale
