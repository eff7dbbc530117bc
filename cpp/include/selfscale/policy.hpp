/// Policies: parsed once, checked whole, then immutable.
///
///     const auto document = selfscale::load_policies(text);   // throws PolicyError with every
///     mistake for (const auto& policy : document.policies) std::cout << policy.service() << '\n';
#pragma once

#include <memory>
#include <selfscale/error.hpp>
#include <selfscale/export.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace selfscale {

struct CompiledPolicy;

/// One service's policy, checked and compiled. Immutable and cheap to copy; safe to share between
/// threads.
class SELFSCALE_API Policy {
 public:
  explicit Policy(std::shared_ptr<const CompiledPolicy> compiled)
      : compiled_{std::move(compiled)} {}
  [[nodiscard]] const std::string& name() const noexcept;
  [[nodiscard]] const std::string& service() const noexcept;
  /// The policy as JSON, defaults and presets filled in, with its document's timezone, guardrails
  /// and alerts; parsing it gives the same policy again.
  [[nodiscard]] std::string to_json() const;
  /// Hash of that JSON: equal policies have equal hashes on every machine.
  [[nodiscard]] const std::string& hash() const noexcept;
  [[nodiscard]] const CompiledPolicy& compiled() const noexcept { return *compiled_; }

 private:
  std::shared_ptr<const CompiledPolicy> compiled_;
};

struct PolicyDocument {
  std::vector<Policy> policies;
  std::vector<Problem> hints;  ///< odd but valid; also how each bare number was read
};

/// Reads a policy document (JSON, comments allowed), or one entry of `policies` with its document's
/// keys beside it. Throws PolicyError with every mistake.
SELFSCALE_API PolicyDocument load_policies(std::string_view text);

/// The policy of a preset (conservative, balanced, aggressive, backend, ml) for a service. Throws
/// Error(invalid_argument) for an unknown preset.
SELFSCALE_API Policy preset_policy(std::string_view preset, std::string_view service);

/// The JSON Schema of the document.
SELFSCALE_API std::string_view policy_schema() noexcept;

}  // namespace selfscale
