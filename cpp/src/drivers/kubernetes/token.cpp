#include "drivers/kubernetes/token.hpp"

#include <string>

#include "drivers/program.hpp"
#include "segment/wall_clock.hpp"

namespace selfscale::drivers::kubernetes {
namespace {

namespace asio = boost::asio;

constexpr double seconds_before_it_expires = 60.0;

bool is_good(const std::optional<IssuedToken>& issued) {
  return issued && (!issued->expires ||
                    *issued->expires - seconds_before_it_expires > segment::wall_seconds());
}

Failure of_program(const Plugin& plugin, const Failure& failure) {
  auto words = "the program that gives the token: " + failure.message;
  if (failure.code == Errc::unsupported && !plugin.install_hint.empty()) {
    words += " (" + plugin.install_hint + ")";
  }
  return {failure.code, words, {}};
}

}  // namespace

asio::awaitable<Result<Secret>> token_now(Access access, Duration within) {
  if (!access.plugin) co_return current_token(access);
  const auto& plugin = *access.plugin;
  const auto& kept = access.issued;
  if (is_good(*kept)) co_return (*kept)->token;
  const auto printed = co_await output_of(plugin.program, within);
  if (!printed) co_return of_program(plugin, printed.error());
  auto issued = parse_issued(printed->reveal(), plugin.api_version);
  if (!issued) co_return of_program(plugin, issued.error());
  *kept = *issued;
  co_return std::move(issued->token);
}

}  // namespace selfscale::drivers::kubernetes
