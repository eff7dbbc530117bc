// What libpq says of a connection that was refused: a code, and one line of its words.
#include "fleet/postgres_refusal.hpp"
#include "invariants.hpp"

namespace selfscale::fuzz {
namespace {

void read(std::string_view text) {
  for (const bool needs_password : {false, true}) {
    const auto refused = fleet::refusal_of(text, needs_password);
    hold(refused.message.size() <= text.size(), "no word is added");
    hold(refused.message.find('\n') == std::string::npos, "it is one line: " + refused.message);
  }
  const auto line = fleet::one_line(text);
  hold(fleet::one_line(line) == line, "a line is one already");
}

}  // namespace
}  // namespace selfscale::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  selfscale::fuzz::read(selfscale::fuzz::text_of(data, size));
  return 0;
}
