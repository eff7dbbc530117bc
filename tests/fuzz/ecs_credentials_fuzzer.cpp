// Where credentials come from: files and answers are understood or refused, and plain http goes to
// near hosts alone.
#include <algorithm>
#include <boost/asio/ip/address.hpp>

#include "drivers/ecs/credentials.hpp"
#include "invariants.hpp"

namespace selfscale::fuzz {
namespace {

using namespace drivers;

void hold_credentials(const Result<ecs::Credentials>& read) {
  if (read) {
    hold(!read->access_key_id.empty() && !read->secret_access_key.empty(), "both are there");
  } else {
    hold(!read.error().message.empty(), "a refusal has words");
  }
}

void hold_endpoint(std::string_view uri) {
  const auto found =
      ecs::container_endpoint_of([uri](const std::string& name) -> std::optional<std::string> {
        if (name != "AWS_CONTAINER_CREDENTIALS_FULL_URI" || uri.empty()) return std::nullopt;
        return std::string{uri};
      });
  if (!found || !*found) return;
  hold((*found)->target.starts_with('/'), "a target is a path");
  if ((*found)->address.scheme == http::Address::Scheme::https) return;
  boost::system::error_code none;
  const auto& host = (*found)->address.host;
  const auto address = boost::asio::ip::make_address(host, none);
  hold(host == "localhost" ||
           (!none &&
            (address.is_loopback() || host.starts_with("169.254.170.") || host == "fd00:ec2::23")),
       "credentials in clear come from near: " + host);
}

/// What a profile and a token's file say goes into one form, each in its own place.
void hold_web_identity(const ecs::Profile& profile, std::string_view token) {
  const auto identity = ecs::web_identity_of(profile);
  if (!identity) return;
  if (!*identity) return hold(!identity->error().message.empty(), "a refusal has words");
  const auto form = ecs::web_identity_form(**identity, ecs::header_token(token));
  hold(std::ranges::count(form.reveal(), '&') == 4 && std::ranges::count(form.reveal(), '=') == 5,
       "no value begins another one");
  hold(form.reveal().find_first_of(" \r\n") == std::string_view::npos, "a form is one line");
}

void read(std::string_view text) {
  hold_credentials(ecs::parse_endpoint(text, "the endpoint"));
  hold_credentials(ecs::parse_web_identity(text));
  ecs::web_identity_refusal(text);
  const auto profile = ecs::read_profile("default", text, text);
  if (const auto found = ecs::credentials_of(profile)) hold_credentials(*found);
  hold_web_identity(profile, text);
  hold_endpoint(text);
  const auto token = ecs::header_token(text);
  hold(token.reveal().find_first_of("\r\n") == std::string_view::npos, "a header is one line");
}

}  // namespace
}  // namespace selfscale::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  selfscale::fuzz::read(selfscale::fuzz::text_of(data, size));
  return 0;
}
