/// The formats of an exposition, and which of them a scraper wants.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exposition/family.hpp"

namespace selfscale::exposition {

enum class Format { text, openmetrics, protobuf };

/// By an Accept header (RFC 9110, 12.5.1): the highest quality wins, then what is named over what a
/// wildcard covers, then what comes first. Text, version 0.0.4, when there is no header or nothing
/// in it is known: a scraper gets an answer that it may refuse, rather than none.
Format negotiate(std::optional<std::string_view> accept) noexcept;

/// As the Content-Type header says it.
std::string_view content_type(Format format) noexcept;

std::string render(const std::vector<Family>& families, Format format);

/// Text, version 0.0.4, or OpenMetrics 1.0.
std::string render_text(const std::vector<Family>& families, bool as_openmetrics);
/// io.prometheus.client.MetricFamily, each with its length before it: histograms have both classic
/// and native buckets.
std::string render_protobuf(const std::vector<Family>& families);

}  // namespace selfscale::exposition
