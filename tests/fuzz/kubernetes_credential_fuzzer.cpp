// What a program prints is a token of the Kubernetes API, or is refused in words that do not show
// it.
#include "drivers/kubernetes/plugin.hpp"
#include "invariants.hpp"

namespace selfscale::fuzz {
namespace {

using namespace drivers;

void read(std::string_view text) {
  const auto issued = kubernetes::parse_issued(text, "client.authentication.k8s.io/v1");
  if (issued) {
    hold(!issued->token.empty(), "there is a token");
    return;
  }
  hold(!issued.error().message.empty(), "a refusal has words");
  hold(is_utf8(issued.error().message), "a refusal is UTF-8: " + issued.error().message);
}

}  // namespace
}  // namespace selfscale::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  selfscale::fuzz::read(selfscale::fuzz::text_of(data, size));
  return 0;
}
