// A URL of a Redis server is understood, or refused without a word of it, for it may hold a
// password.
#include "fleet/redis_url.hpp"
#include "invariants.hpp"

namespace selfscale::fuzz {
namespace {

using namespace fleet;

void read(std::string_view text) {
  const auto url = parse_redis_url(text);
  if (!url) {
    hold(!url.error().message.empty(), "a refusal has words");
    hold(is_utf8(url.error().message), "a refusal is UTF-8: " + url.error().message);
    return;
  }
  hold(!url->host.empty(), "there is a host");
  hold(url->port != 0, "there is a port");
  hold(url->database >= 0, "a database has a number");
  const auto shown = to_text(*url);
  hold(is_utf8(shown), "what is shown is UTF-8");
  const auto again = parse_redis_url(shown);
  hold(again.has_value(), "what is shown is a URL: " + shown);
  hold(again->host == url->host && again->port == url->port, "of the same place: " + shown);
}

}  // namespace
}  // namespace selfscale::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  selfscale::fuzz::read(selfscale::fuzz::text_of(data, size));
  return 0;
}
