/// Reads the keys of a policy's platform object, for the drivers of a Docker Engine.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "drivers/docker/access.hpp"
#include "model/result.hpp"

namespace selfscale::drivers::docker {

/// The first mistake counts; without a platform object nothing is there.
class OptionReader {
 public:
  // Parentheses: in braces it would be a list with one element.
  explicit OptionReader(std::string_view platform_json)
      : platform_(nlohmann::json::parse(platform_json, nullptr, /*allow_exceptions=*/false)) {}

  void text(const char* key, std::string& target) {
    const auto* value = find(key);
    if (value == nullptr) return;
    const bool is_text = value->is_string() && !value->get_ref<const std::string&>().empty();
    if (!is_text) return wrong(key, "must be a text that is not empty");
    target = value->get<std::string>();
  }
  /// A name as Docker takes it, which may stand in an address.
  void name(const char* key, std::string& target) {
    text(key, target);
    if (!is_name(target)) wrong(key, "must be a name: letters, digits, \"-\", \"_\" and \".\"");
  }
  void flag(const char* key, bool& target) {
    const auto* value = find(key);
    if (value == nullptr) return;
    if (!value->is_boolean()) return wrong(key, "must be true or false");
    target = value->get<bool>();
  }
  void seconds(const char* key, std::optional<double>& target) {
    constexpr double week = 604'800.0;
    const auto* value = find(key);
    if (value == nullptr) return;
    const double number = value->is_number() ? value->get<double>() : -1.0;
    if (!(number >= 0.0 && number <= week)) return wrong(key, "must be seconds from 0 to 604800");
    target = number;
  }
  void engine(Host& host) {
    text("host", host.host);
    text("certPath", host.cert_path);
  }

  /// What is wrong with them, if anything.
  [[nodiscard]] Result<void> result() const {
    if (mistake_.empty()) return {};
    return Failure{Errc::invalid_argument, mistake_, {}};
  }

 private:
  static bool is_name(std::string_view text) {
    constexpr std::string_view others = "-_.";
    for (const char letter : text) {
      const bool fits = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                        (letter >= '0' && letter <= '9') ||
                        others.find(letter) != std::string_view::npos;
      if (!fits) return false;
    }
    return !text.empty() && text != "." && text != "..";
  }
  [[nodiscard]] const nlohmann::json* find(const char* key) const {
    if (!platform_.is_object()) return nullptr;
    const auto found = platform_.find(key);
    return found == platform_.end() ? nullptr : &*found;
  }
  void wrong(const char* key, const std::string& right) {
    if (mistake_.empty()) mistake_ = std::string{"platform."} + key + " " + right;
  }

  nlohmann::json platform_;
  std::string mistake_;
};

}  // namespace selfscale::drivers::docker
