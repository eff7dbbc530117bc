// What a Docker Engine refuses with: a code, and its own words, which may be anything.
#include "drivers/docker/calls.hpp"
#include "drivers/docker/refusal.hpp"
#include "invariants.hpp"

namespace selfscale::fuzz {
namespace {

using namespace drivers;

void hold_refusal(const http::Call& call, int status, std::string_view body) {
  const auto failure = docker::refusal({}, call, {status, {}, std::string{body}});
  hold(is_utf8(failure.message), "a refusal is UTF-8: " + failure.message);
  hold(failure.message.size() < 2'000, "a refusal is not endless");
  hold(failure.message.find(std::to_string(status)) != std::string::npos, "it has its status");
  hold(failure.code != Errc::conflict || status == 409 || status == 500,
       "a conflict is one of the engine's: " + failure.message);
  const auto finding = docker::finding_of(failure);
  hold(finding.what == failure.message, "a finding has the engine's words");
  hold(!docker::is_of_version(failure) || body.find("version") != std::string_view::npos ||
           body.find('\\') != std::string_view::npos,
       "a version is refused by its name");
}

void read(std::string_view text) {
  for (const int status : {302, 400, 401, 403, 404, 409, 429, 500, 503}) {
    hold_refusal(docker::get("/services/web"), status, text);
    hold_refusal(docker::post("/services/web/update?version=3"), status, text);
  }
}

}  // namespace
}  // namespace selfscale::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  selfscale::fuzz::read(selfscale::fuzz::text_of(data, size));
  return 0;
}
