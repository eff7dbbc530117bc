/// Percent-encoding of what RFC 3986 (2.3) does not leave as it is. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace selfscale::http {

/// Every byte but letters, digits, "-._~" and those of `kept` as %XX.
inline std::string percent_encoded(std::string_view text, std::string_view kept = {}) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  constexpr std::string_view unreserved = "-._~";
  std::string encoded;
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    // Not std::isalnum(), to which bytes beyond ASCII are letters in some locales.
    const bool is_alphanumeric = (letter >= 'a' && letter <= 'z') ||
                                 (letter >= 'A' && letter <= 'Z') ||
                                 (letter >= '0' && letter <= '9');
    const bool is_kept = is_alphanumeric || unreserved.find(letter) != std::string_view::npos ||
                         kept.find(letter) != std::string_view::npos;
    if (is_kept) {
      encoded += letter;
    } else {
      encoded += {'%', digits[byte >> 4U], digits[byte & 15U]};
    }
  }
  return encoded;
}

}  // namespace selfscale::http
