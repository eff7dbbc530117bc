#include "exposition/format.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>

namespace selfscale::exposition {
namespace {

/// Letters of media types mean the same in either case.
bool same(std::string_view a, std::string_view b) noexcept {
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::string_view trimmed(std::string_view text) noexcept {
  constexpr std::string_view blanks = " \t";
  const auto first = std::min(text.find_first_not_of(blanks), text.size());
  const auto last = text.find_last_not_of(blanks);
  return last == std::string_view::npos ? "" : text.substr(first, last + 1 - first);
}

/// Takes off what stands before the separator, or everything.
std::string_view take(std::string_view& text, char separator) noexcept {
  const auto end = std::min(text.find(separator), text.size());
  const auto part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return trimmed(part);
}

/// One element of an Accept header.
struct Range {
  std::string_view type;
  std::string_view version;
  std::string_view proto;
  std::string_view encoding;
  double quality = 1.0;
};

double quality_in(std::string_view text) noexcept {
  double quality = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), quality);
  const bool is_whole = error == std::errc{} && end == text.data() + text.size();
  return is_whole && quality >= 0.0 && quality <= 1.0 ? quality : 0.0;
}

Range range_in(std::string_view text) noexcept {
  Range range;
  range.type = take(text, ';');
  while (!text.empty()) {
    auto value = take(text, ';');
    const auto name = take(value, '=');
    if (value.size() > 1 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    if (same(name, "q")) range.quality = quality_in(value);
    if (same(name, "version")) range.version = value;
    if (same(name, "proto")) range.proto = value;
    if (same(name, "encoding")) range.encoding = value;
  }
  return range;
}

bool is_wildcard(const Range& range) noexcept { return range.type.ends_with("/*"); }

std::optional<Format> format_of(const Range& range) noexcept {
  if (same(range.type, "application/vnd.google.protobuf")) {
    const bool is_known =
        range.proto == "io.prometheus.client.MetricFamily" && same(range.encoding, "delimited");
    return is_known ? std::optional{Format::protobuf} : std::nullopt;
  }
  const auto& version = range.version;
  if (same(range.type, "application/openmetrics-text")) {
    return version.empty() || version == "1.0.0" ? std::optional{Format::openmetrics}
                                                 : std::nullopt;
  }
  if (same(range.type, "text/plain")) {
    return version.empty() || version == "0.0.4" ? std::optional{Format::text} : std::nullopt;
  }
  if (range.type == "*/*" || same(range.type, "text/*")) return Format::text;
  return std::nullopt;
}

}  // namespace

Format negotiate(std::optional<std::string_view> accept) noexcept {
  std::string_view rest = accept.value_or("");
  Format best = Format::text;
  double quality = 0.0;
  bool is_named = false;
  while (!rest.empty()) {
    const Range range = range_in(take(rest, ','));
    const auto format = format_of(range);
    if (!format || range.quality <= 0.0) continue;
    const bool names = !is_wildcard(range);
    if (range.quality > quality || (range.quality == quality && names && !is_named)) {
      best = *format;
      quality = range.quality;
      is_named = names;
    }
  }
  return best;
}

std::string_view content_type(Format format) noexcept {
  switch (format) {
    case Format::openmetrics:
      return "application/openmetrics-text; version=1.0.0; charset=utf-8";
    case Format::protobuf:
      return "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
             "encoding=delimited";
    case Format::text:
      break;
  }
  return "text/plain; version=0.0.4; charset=utf-8";
}

std::string render(const std::vector<Family>& families, Format format) {
  if (format == Format::protobuf) return render_protobuf(families);
  return render_text(families, format == Format::openmetrics);
}

}  // namespace selfscale::exposition
