/// Reads the policy's platform object of a driver. Pure; any thread.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "model/result.hpp"

namespace selfscale::drivers::hosted {

/// Collects what is wrong, the first mistake of each key. Keys that nobody asked for are mistakes,
/// but for `driver`, `description` and `x-…`.
class OptionReader {
 public:
  explicit OptionReader(std::string_view platform_json);

  /// A text that is not empty; what is absent leaves `target` as it is.
  void text(const char* key, std::string& target);
  /// A text that may stand in a path or a query as it is: letters, digits and those of `others`.
  void name(const char* key, std::string& target, std::string_view others = "-_.");
  /// True or false; what is absent leaves `target` as it is.
  void flag(const char* key, bool& target);
  void wrong(const std::string& key, const std::string& right);

  /// Errc::invalid_argument: "platform.region must be …".
  [[nodiscard]] Result<void> finish();

 private:
  const nlohmann::json* find(const char* key);

  nlohmann::json platform_;
  std::vector<std::string> known_;
  std::vector<std::string> mistaken_;  ///< keys
  std::string mistakes_;
};

/// May it stand in a path as it is? No dots alone, no slashes, nothing that would be encoded.
bool is_name(std::string_view text, std::string_view others = "-_.") noexcept;

}  // namespace selfscale::drivers::hosted
