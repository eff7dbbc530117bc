/// The policies in force: read at the start, read again when their file changes, fitted to what the
/// service measures.
#pragma once

#include <filesystem>
#include <optional>
#include <selfscale/decision.hpp>
#include <selfscale/policy.hpp>
#include <set>
#include <string>
#include <vector>

#include "agent/settings.hpp"

namespace selfscale::agent {

/// One thread at a time.
class Policies {
 public:
  /// Throws PolicyError; Error(invalid_argument) when it is not clear which service this is;
  /// Error(storage) for a file that cannot be read.
  explicit Policies(const Settings& settings);

  [[nodiscard]] const std::string& service() const noexcept { return service_; }
  /// The service's policy: with the guardrails of the environment, without a preset's rules on
  /// metrics that are not there.
  [[nodiscard]] const Policy& policy() const noexcept { return *fitted_; }
  /// Every policy of the document.
  [[nodiscard]] const std::vector<Policy>& all() const noexcept { return all_; }
  /// What was said of valid policies when they were read.
  [[nodiscard]] const std::vector<Problem>& hints() const noexcept { return hints_; }
  /// What is wrong with the file as it stands; the policies of before are then in force.
  [[nodiscard]] const std::vector<Problem>& problems() const noexcept { return problems_; }
  /// Where they came from, in words.
  [[nodiscard]] const std::string& origin() const noexcept { return origin_; }
  /// What a reason of these codes goes on with where it names bounds that nobody has chosen; else
  /// empty.
  [[nodiscard]] std::string whose_bounds(const std::vector<Code>& codes) const;

  /// Reads the file again if it has changed. True: policy() or problems() is another now.
  bool refresh();
  /// These metrics exist; once seen, a metric stays. True: policy() is another now.
  bool fit(const std::set<std::string>& metrics);

 private:
  void read();
  void take(PolicyDocument document);
  void refit();

  std::string path_;
  std::string text_;
  std::string service_;
  std::optional<int> max_total_replicas_;
  std::optional<double> min_available_memory_mb_;

  std::vector<Policy> all_;
  std::vector<Problem> hints_;
  std::vector<Problem> problems_;
  std::string origin_;
  std::optional<Policy> written_;  ///< the service's, as it was written
  std::optional<Policy> fitted_;
  std::set<std::string> metrics_;
  std::filesystem::file_time_type changed_at_{};
  std::uintmax_t size_ = 0;
};

}  // namespace selfscale::agent
