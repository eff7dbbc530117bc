/// What the agent remembers for people: decisions, events, one compact row per evaluation. Losing
/// it loses explanations, never behaviour. Called on the control thread; never throws; a failed
/// write is counted and reported in `degraded()`.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <selfscale/decision.hpp>
#include <selfscale/instant.hpp>
#include <string>
#include <utility>
#include <vector>

#include "model/result.hpp"

namespace selfscale::journal {

/// One DecisionRecord, as its JSON text.
struct Record {
  std::string id;  ///< ULID
  std::string service;
  Instant at{};
  std::string policy_hash;
  std::string json;
};

/// One evaluation, whatever came of it.
struct Evaluation {
  std::string service;
  Instant at{};
  int desired = 0;
  int current = 0;
  std::optional<int> ready;
  int recommended = 0;
  struct Value {
    std::string metric;
    std::optional<double> value;  ///< empty: missing
    double age_seconds = 0.0;
  };
  std::vector<Value> metrics;
};

class Journal {
 public:
  virtual ~Journal() = default;
  virtual void keep_policy(const std::string& hash, const std::string& json) = 0;
  virtual void keep_decision(const Record& record) = 0;
  /// Inserts the event, or replaces what is known of it (same id).
  virtual void keep_event(const ScalingEvent& event) = 0;
  /// Rows that follow closely are written together: of those of the last ten seconds a kill may
  /// lose some. What is read here shows them all.
  virtual void keep_evaluation(Evaluation evaluation) = 0;
  /// Thins and drops what is past its time or over its size. Called now and then.
  virtual void tidy(Instant now) = 0;

  /// By the id of a DecisionRecord, or of an event, which stands for its decision.
  virtual Result<Record> decision(const std::string& id) = 0;
  virtual Result<std::string> policy(const std::string& hash) = 0;
  /// Those that it has decisions of, by name.
  virtual Result<std::vector<std::string>> services() = 0;
  /// Newest first.
  virtual Result<std::vector<ScalingEvent>> events(const std::string& service, int limit) = 0;
  virtual Result<std::vector<Record>> decisions(const std::string& service, int limit) = 0;
  virtual Result<std::vector<Evaluation>> evaluations(const std::string& service, Instant from,
                                                      Instant to) = 0;
  /// The journal of a service as JSON lines (journal.jsonl): its policies, then all else, oldest
  /// first. Each line has a "kind": policy | decision | event | evaluation.
  virtual Result<std::string> export_jsonl(const std::string& service) = 0;
  /// Why it is not what was asked for ("read-only file system: kept in memory"); empty: it is.
  [[nodiscard]] virtual std::string degraded() const = 0;

  /// Closes the file until its next use. Call it before fork(): what SQLite keeps of an open file
  /// must not be inherited, or its locks mean nothing in the child. A child whose parent did not
  /// keeps its journal in memory.
  virtual void release() noexcept = 0;
};

/// The journal of a state directory, `journal.sqlite`, opened at its first use. It falls back to
/// memory, which degraded() then says. Kept per service: 14 days, within 50 MB; rows of evaluations
/// older than a day, one a minute.
std::unique_ptr<Journal> open_sqlite(const std::string& state_directory);
std::unique_ptr<Journal> open_memory();
/// What agents left in a state directory, to read in: makes and changes nothing. Errc::not_found:
/// there is none; Errc::storage: it cannot be read.
Result<std::unique_ptr<Journal>> read_sqlite(const std::string& state_directory);

/// A DecisionRecord with its policy as the key "policy": all that explain and replay need. `id` may
/// be an event's.
Result<std::string> record_with_policy(Journal& journal, const std::string& id);

}  // namespace selfscale::journal
