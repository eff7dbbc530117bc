/// The small text files of /proc and /sys.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace selfscale::sampling {

/// The whole file; empty when it is not there or may not be read.
std::optional<std::string> read_text(const std::string& path);
/// The leading unsigned number of a text; empty when there is none ("max", "-1").
std::optional<std::uint64_t> leading_number(std::string_view text) noexcept;
/// The leading number with a fraction.
std::optional<double> leading_decimal(std::string_view text) noexcept;
std::vector<std::string_view> split(std::string_view text, char separator);
/// The next part of those that split() gives, taken off the text; empty at its end.
std::string_view next_part(std::string_view& text, char separator) noexcept;
/// The number that follows a key at the beginning of a line ("inactive_file 4096", "MemAvailable:
/// 12 kB").
std::optional<std::uint64_t> number_after(std::string_view text, std::string_view key) noexcept;

}  // namespace selfscale::sampling
