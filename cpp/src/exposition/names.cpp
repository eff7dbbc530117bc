#include "exposition/names.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace selfscale::exposition {
namespace {

using metrics::Kind;

constexpr double micro = 1e6;

/// Names of one metric stand together.
constexpr std::array names{
    Name{"requests_total", Kind::counter, "http_requests",
         "HTTP requests that have ended, with or without an answer.", ""},
    Name{"errors_total", Kind::counter, "http_request_errors",
         "HTTP requests that were answered with 5xx or not at all.", ""},
    Name{"in_flight", Kind::gauge, "http_requests_in_progress", "HTTP requests being served.", ""},
    Name{"in_flight", Kind::gauge, "http_requests_inprogress",
         "HTTP requests being served: another name of http_requests_in_progress.", ""},
    Name{"in_flight", Kind::gauge, "http_server_active_requests",
         "HTTP requests being served, as OpenTelemetry names them.", ""},
    Name{"response_time", Kind::distribution, "http_request_duration_seconds",
         "Time from a request to the last byte of its response.", "seconds"},
    Name{"response_time", Kind::distribution, "http_server_request_duration_seconds",
         "Time from a request to the last byte of its response, as OpenTelemetry names it.",
         "seconds", 1.0, "http_route", "http_request_method"},
    Name{"request_queue_time", Kind::distribution, "selfscale_request_queue_seconds",
         "Time that requests waited between the proxy and the app.", "seconds"},
    Name{"request_queue_time", Kind::distribution, "http_server_request_time_in_queue_seconds",
         "Time that requests waited between the proxy and the app, as OpenTelemetry names it.",
         "seconds"},
    Name{"event_loop_lag", Kind::distribution, "selfscale_event_loop_lag_seconds",
         "How much later than asked for event loops call back, looked at once a second.",
         "seconds"},
    Name{"request_start_refused_total", Kind::counter, "selfscale_request_start_refused",
         "Request-start headers that made no sense.", ""},
    Name{"process_cpu_microseconds", Kind::counter, "process_cpu_seconds",
         "CPU time used by all processes of the instance, ended ones included.", "seconds", micro},
    Name{"process_disk_bytes", Kind::counter, "process_disk_io_bytes",
         "Bytes that all processes of the instance read from disks and wrote to them.", "bytes"},
    Name{"process_context_switches", Kind::counter, "process_context_switches",
         "Context switches of all processes of the instance.", ""},
    Name{"agent_process_resident_bytes", Kind::gauge, "process_resident_memory_bytes",
         "Resident memory of all living processes of the instance.", "bytes"},
    Name{"agent_cpu_microseconds", Kind::counter, "selfscale_agent_cpu_seconds",
         "CPU time used by the agents' own threads.", "seconds", micro},
    Name{"selfscale_refused_total", Kind::counter, "selfscale_refused",
         "Recordings that were refused, and metrics that found no room.", ""},
    Name{"selfscale_segments_replaced_total", Kind::counter, "selfscale_segments_replaced",
         "Shared files that were gone while processes counted into them, and were made anew.", ""},
    // The same as selfscale_agent_cpu_seconds, of living processes alone.
    Name{"agent_cpu_seconds", Kind::gauge, "", "", ""},
    // Of metrics that found no room: values of different things.
    Name{"selfscale_overflow_total", Kind::counter, "", "", ""},
    Name{"selfscale_overflow", Kind::gauge, "", "", ""},
    Name{"selfscale_overflow_distribution", Kind::distribution, "", "", ""},
};

bool is_letter(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

std::string spelled(std::string_view name, bool with_colons) {
  std::string valid;
  if (name.empty() || is_digit(name.front())) valid = "_";
  for (const char c : name) {
    valid += is_letter(c) || is_digit(c) || (with_colons && c == ':') ? c : '_';
  }
  return valid;
}

/// `__` begins names that are Prometheus' own, and `le` is its label of buckets.
std::string label_name(std::string_view name) {
  if (name == "le") return "exported_le";
  const auto first = std::min(name.find_first_not_of('_'), name.size());
  return spelled(first > 1 ? name.substr(first - 1) : name, /*with_colons=*/false);
}

/// Bytes of the well-formed character that begins here; 0: none does (Unicode 15, table 3-7).
std::size_t character_length(std::string_view text) noexcept {
  const auto at = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto follows = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
    return at(i) >= low && at(i) <= high;
  };
  const unsigned lead = at(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return follows(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const bool second = follows(1, lead == 0xE0 ? 0xA0 : 0x80, lead == 0xED ? 0x9F : 0xBF);
    return second && follows(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const bool second = follows(1, lead == 0xF0 ? 0x90 : 0x80, lead == 0xF4 ? 0x8F : 0xBF);
    return second && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

std::string well_formed(std::string_view text) {
  std::string clean;
  while (!text.empty()) {
    const auto length = character_length(text);
    clean += length > 0 ? text.substr(0, length) : "\xEF\xBF\xBD";
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return clean;
}

/// Where the next label begins after a comma; the end when there is none.
std::size_t next_label(std::string_view text) noexcept {
  for (auto comma = text.find(','); comma < text.size(); comma = text.find(',', comma + 1)) {
    const auto rest = text.substr(comma + 1);
    const auto equals = std::min(rest.find('='), rest.find(','));
    if (equals < rest.size() && equals > 0 && rest[equals] == '=' && is_letter(rest.front())) {
      return comma;
    }
  }
  return text.size();
}

void add(Labels& labels, std::string name, std::string value) {
  const auto known = std::ranges::find(labels, name, &Label::name);
  if (known != labels.end()) {
    known->value += ";" + value;
  } else {
    labels.push_back({std::move(name), std::move(value)});
  }
}

}  // namespace

std::span<const Name> names_of(std::string_view recorded, Kind kind) noexcept {
  const auto is_it = [&](const Name& name) {
    return name.recorded == recorded && name.kind == kind;
  };
  const auto* first = std::ranges::find_if(names, is_it);
  const auto* last = std::find_if_not(first, names.end(), is_it);
  return {first, last};
}

std::string family_name(std::string_view recorded, Kind kind) {
  constexpr std::string_view total = "_total";
  if (kind == Kind::counter && recorded.size() > total.size() && recorded.ends_with(total)) {
    recorded.remove_suffix(total.size());
  }
  return spelled(recorded, /*with_colons=*/true);
}

std::string_view unit_of(std::string_view family) noexcept {
  for (const std::string_view unit : {"_seconds", "_bytes", "_ratio", "_celsius", "_meters"}) {
    if (family.ends_with(unit) && family.size() > unit.size()) return unit.substr(1);
  }
  return {};
}

Labels labels_in(std::string_view text) {
  Labels labels;
  while (!text.empty()) {
    const auto end = next_label(text);
    const auto label = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto equals = std::min(label.find('='), label.size());
    const auto value = label.substr(std::min(equals + 1, label.size()));
    add(labels, label_name(label.substr(0, equals)), well_formed(value));
  }
  std::ranges::sort(labels, {}, &Label::name);
  return labels;
}

void rename(Labels& labels, std::string_view from, std::string_view to) {
  const auto found = std::ranges::find(labels, from, &Label::name);
  if (found == labels.end() || from == to) return;
  auto value = std::move(found->value);
  labels.erase(found);
  add(labels, std::string{to}, std::move(value));
  std::ranges::sort(labels, {}, &Label::name);
}

}  // namespace selfscale::exposition
