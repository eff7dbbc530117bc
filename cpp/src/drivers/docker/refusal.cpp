#include "drivers/docker/refusal.hpp"

#include <string>
#include <string_view>

#include "drivers/docker/document.hpp"
#include "drivers/finding.hpp"

namespace selfscale::drivers::docker {
namespace {

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

Failure refusal(const http::Address& engine, const http::Call& call, const http::Answer& answer) {
  const auto body = parse(answer.body);
  const auto words = text(at(body, "message"));
  auto failure = http::failure_of(engine, call, answer, words);
  if (answer.status == 500 && contains(words, "out of sequence")) failure.code = Errc::conflict;
  return failure;
}

Finding finding_of(const Failure& failure) {
  switch (failure.code) {
    case Errc::denied:
      return {failure.message,
              "whoever may not use the engine's socket can neither see nor scale containers",
              "sudo usermod --append --groups docker USER   # and log in anew; of a container: "
              "--group-add $(stat -c %g /var/run/docker.sock)"};
    case Errc::unreachable:
      return {failure.message, "without an engine there is nothing to scale",
              "--volume /var/run/docker.sock:/var/run/docker.sock   # of the agent's container; "
              "elsewhere name the engine in platform.host"};
    default:
      return drivers::finding_of(failure);
  }
}

bool is_of_version(const Failure& failure) { return contains(failure.message, "client version "); }

}  // namespace selfscale::drivers::docker
