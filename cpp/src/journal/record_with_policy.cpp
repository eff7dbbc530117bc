#include "journal/journal.hpp"

namespace selfscale::journal {

Result<std::string> record_with_policy(Journal& journal, const std::string& id) {
  const auto record = journal.decision(id);
  if (!record) return record.error();
  const auto policy = journal.policy(record->policy_hash);
  if (!policy) return policy.error();
  // Put together as text: what was decided stays as it was, bit for bit.
  const auto end = record->json.rfind('}');
  if (end == std::string::npos) return Failure{Errc::malformed, "record " + id + " is no JSON", {}};
  return record->json.substr(0, end) + ",\"policy\":" + *policy + "}";
}

}  // namespace selfscale::journal
