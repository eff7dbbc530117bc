// A URL of a PostgreSQL server is understood, or refused without a word of it, for it may hold a
// password; what is shown of one that is understood is its place alone.
#include "fleet/postgres_url.hpp"
#include "invariants.hpp"

namespace selfscale::fuzz {
namespace {

using namespace fleet;

constexpr std::string_view password = "hunter2-and-more";

void hold_url(const std::string& text) {
  const auto url = parse_postgres_url(text);
  if (!url) {
    const auto& words = url.error().message;
    hold(url.error().code == Errc::invalid_argument || url.error().code == Errc::unsupported,
         "a refusal is of the text: " + words);
    hold(is_utf8(words), "a refusal is UTF-8: " + words);
    hold(words.find(password) == std::string::npos, "no password is shown: " + words);
    return;
  }
  const auto shown = to_text(*url);
  hold(url->url.reveal() == text, "libpq is given what was written");
  hold(is_utf8(shown), "what is shown is UTF-8: " + shown);
  const auto again = parse_postgres_url(shown);
  hold(again.has_value() && to_text(*again) == shown, "what is shown is a URL of it: " + shown);
  hold(shown.find(password) == std::string::npos, "no password is shown: " + shown);
  hold(!url->host.starts_with('/'), "a socket is not looked up");
}

void read(std::string_view text) {
  if (text.find(password) != std::string_view::npos) return;  // wherever it stands there
  hold_url(std::string{text});
  hold_url("postgresql://me:" + std::string{password} + "@" + std::string{text});
  if (text.find('?') != std::string_view::npos) return;
  hold_url("postgresql://" + std::string{text} + "?password=" + std::string{password});
}

}  // namespace
}  // namespace selfscale::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  selfscale::fuzz::read(selfscale::fuzz::text_of(data, size));
  return 0;
}
