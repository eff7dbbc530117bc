// What stands where a fleet meets is understood and kept, or refused in words.
#include "fleet/records.hpp"
#include "invariants.hpp"

namespace selfscale::fuzz {
namespace {

using namespace fleet;

template <class Record>
void keep(const Result<Record>& read, Result<Record> (*again)(std::string_view)) {
  if (!read) {
    hold(!read.error().message.empty(), "a refusal has words");
    hold(is_utf8(read.error().message), "a refusal is UTF-8: " + read.error().message);
    return;
  }
  const auto text = to_json(*read);
  const auto kept = again(text);
  hold(kept.has_value(), "what was written is read: " + text);
  hold(to_json(*kept) == text, "nothing is lost: " + text);
}

void read(std::string_view text) {
  keep(lease_from_json(text), lease_from_json);
  keep(switches_from_json(text), switches_from_json);
}

}  // namespace
}  // namespace selfscale::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  selfscale::fuzz::read(selfscale::fuzz::text_of(data, size));
  return 0;
}
