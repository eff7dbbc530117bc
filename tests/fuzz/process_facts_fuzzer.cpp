// What /proc says of a process: it is read, or it is not; a process gives itself its title, so that
// may be anything.
#include <algorithm>

#include "drivers/prefork/facts.hpp"
#include "invariants.hpp"

namespace selfscale::fuzz {
namespace {

using namespace drivers;

constexpr int last_signal = 64;

void hold_status(std::string_view text) {
  prefork::Facts facts;
  if (!prefork::read_status(text, facts)) return;
  for (const auto* key : {"State:", "Uid:", "SigPnd:", "ShdPnd:", "SigCgt:"}) {
    hold(text.find(key) != std::string_view::npos,
         std::string{"what is read stands there: "} + key);
  }
  hold(text.find(std::to_string(facts.user)) != std::string_view::npos,
       "a user is that of the text");
  for (int signal = 1; signal <= last_signal; ++signal) {
    const auto bit = std::uint64_t{1} << static_cast<unsigned>(signal - 1);
    hold(facts.catches(signal) == ((facts.caught & bit) != 0), "a signal is one bit");
    hold(facts.has_pending(signal) == ((facts.pending & bit) != 0), "a signal is one bit");
  }
}

void hold_arguments(std::string_view text) {
  const auto words = prefork::read_arguments(text);
  std::size_t letters = 0;
  for (const auto& word : words) {
    hold(word.find('\0') == std::string::npos, "a word ends at a zero");
    letters += word.size();
  }
  hold(letters + static_cast<std::size_t>(std::ranges::count(text, '\0')) == text.size(),
       "no letter is lost");
}

/// A number of each line at most.
void hold_listeners(std::string_view text) {
  const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1;
  hold(prefork::read_tcp_listeners(text).size() <= lines, "a line is of one socket");
  hold(prefork::read_unix_listeners(text).size() <= lines, "a line is of one socket");
}

void read(std::string_view text) {
  hold_listeners(text);
  hold_status(text);
  hold_arguments(text);
}

}  // namespace
}  // namespace selfscale::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  selfscale::fuzz::read(selfscale::fuzz::text_of(data, size));
  return 0;
}
