#include "drivers/docker/refusal.hpp"

#include <string>
#include <string_view>

#include "drivers/docker/document.hpp"

namespace selfscale::drivers::docker {
namespace {

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

Failure refusal(const http::Address& engine, const http::Call& call, const http::Answer& answer) {
  const auto body = Document::parse(answer.body, nullptr, /*allow_exceptions=*/false);
  const auto words = text(at(body, "message"));
  auto failure = http::failure_of(engine, call, answer, words);
  if (answer.status == 500 && contains(words, "out of sequence")) failure.code = Errc::conflict;
  return failure;
}

bool is_of_version(const Failure& failure) { return contains(failure.message, "client version "); }

}  // namespace selfscale::drivers::docker
