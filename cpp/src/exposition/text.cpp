#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "exposition/format.hpp"
#include "exposition/histogram.hpp"

namespace selfscale::exposition {
namespace {

void append(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
  } else {
    std::array<char, 32> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    out.append(digits.data(), end);
  }
}

/// A bound as the value of a label: always with a point, so that it is the same series whatever the
/// format.
std::string bound_text(double bound) {
  std::string text;
  append(text, bound);
  if (text.find('.') == std::string::npos) text += ".0";
  return text;
}

void append_escaped(std::string& out, std::string_view text, bool with_quotes) {
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && with_quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
}

class TextWriter {
 public:
  explicit TextWriter(bool as_openmetrics) : as_openmetrics_{as_openmetrics} {}

  void write(const Family& family) {
    write_head(family);
    for (const auto& series : family.series) {
      switch (family.type) {
        case Type::counter:
          write_sample(family.name, "_total", series.labels, {}, series.value);
          break;
        case Type::gauge:
          write_sample(family.name, "", series.labels, {}, series.value);
          break;
        case Type::histogram:
          write_histogram(family.name, series);
          break;
      }
    }
  }

  std::string finish() {
    if (as_openmetrics_) out_ += "# EOF\n";
    return std::move(out_);
  }

 private:
  void write_head(const Family& family) {
    // The older format has no name for a family beside those of its samples.
    const bool is_total = family.type == Type::counter && !as_openmetrics_;
    const std::string name = family.name + (is_total ? "_total" : "");
    out_ += "# HELP " + name + " ";
    append_escaped(out_, family.help, /*with_quotes=*/as_openmetrics_);
    out_ += "\n# TYPE " + name + " ";
    out_ += type_name(family.type);
    out_ += '\n';
    if (as_openmetrics_ && !family.unit.empty()) {
      out_ += "# UNIT " + name + " " + family.unit + "\n";
    }
  }

  static std::string_view type_name(Type type) noexcept {
    switch (type) {
      case Type::counter:
        return "counter";
      case Type::gauge:
        return "gauge";
      case Type::histogram:
        break;
    }
    return "histogram";
  }

  void write_histogram(const std::string& name, const Series& series) {
    const auto cumulative = cumulative_counts(series.buckets);
    for (std::size_t i = 0; i < classic_bounds.size(); ++i) {
      write_sample(name, "_bucket", series.labels, bound_text(classic_bounds[i]),
                   static_cast<double>(cumulative[i]));
    }
    const auto count = static_cast<double>(series.buckets.count());
    write_sample(name, "_bucket", series.labels, "+Inf", count);
    write_sample(name, "_sum", series.labels, {}, series.buckets.sum);
    write_sample(name, "_count", series.labels, {}, count);
  }

  void write_sample(const std::string& name, std::string_view suffix, const Labels& labels,
                    std::string_view bound, double value) {
    out_ += name;
    out_ += suffix;
    char separator = '{';
    const auto write_label = [&](std::string_view label, std::string_view text) {
      out_ += std::exchange(separator, ',');
      out_ += label;
      out_ += "=\"";
      append_escaped(out_, text, /*with_quotes=*/true);
      out_ += '"';
    };
    for (const auto& label : labels) write_label(label.name, label.value);
    if (!bound.empty()) write_label("le", bound);
    if (separator == ',') out_ += '}';
    out_ += ' ';
    append(out_, value);
    out_ += '\n';
  }

  bool as_openmetrics_;
  std::string out_;
};

}  // namespace

std::string render_text(const std::vector<Family>& families, bool as_openmetrics) {
  TextWriter writer{as_openmetrics};
  for (const auto& family : families) writer.write(family);
  return writer.finish();
}

}  // namespace selfscale::exposition
