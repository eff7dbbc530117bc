// A kubeconfig file leads to a cluster, or is refused in words.
#include "drivers/kubernetes/access.hpp"
#include "invariants.hpp"

namespace selfscale::fuzz {
namespace {

using namespace drivers;

void read(std::string_view text) {
  const auto access = kubernetes::read_kubeconfig(text, "/nowhere", {});
  if (access) {
    hold(!access->name_space.empty(), "there is a namespace");
    return;
  }
  hold(!access.error().message.empty(), "a refusal has words");
  hold(is_utf8(access.error().message), "a refusal is UTF-8: " + access.error().message);
}

}  // namespace
}  // namespace selfscale::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  selfscale::fuzz::read(selfscale::fuzz::text_of(data, size));
  return 0;
}
