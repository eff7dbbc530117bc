#include "sampling/network.hpp"

#include "sampling/text.hpp"

namespace selfscale::sampling {

std::optional<double> parse_network_bytes(std::string_view net_dev) noexcept {
  constexpr int received = 0;
  constexpr int sent = 8;
  std::optional<double> bytes;
  while (!net_dev.empty()) {
    auto line = next_part(net_dev, '\n');
    auto name = next_part(line, ':');  // the two lines of headings have none
    while (name.starts_with(' ')) name.remove_prefix(1);
    if (line.empty() || name == "lo") continue;
    for (int i = received; i <= sent; ++i) {
      const auto number = leading_number(next_part(line, ' '));
      if (!number) return std::nullopt;
      if (i == received || i == sent) bytes = bytes.value_or(0.0) + static_cast<double>(*number);
    }
  }
  return bytes;
}

}  // namespace selfscale::sampling
