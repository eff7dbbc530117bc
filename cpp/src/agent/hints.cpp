#include "agent/hints.hpp"

#include <unistd.h>

#include <utility>

#include "agent/settings.hpp"

namespace selfscale::agent {
namespace {

constexpr auto account_token = "/var/run/secrets/kubernetes.io/serviceaccount/token";

}  // namespace

drivers::Hints hints(std::map<std::string, std::string> given) {
  drivers::Hints seen;
  given.merge(process_environment());  // what is given stays
  seen.environment = [given = std::move(given)](const std::string& name) {
    const auto found = given.find(name);
    return found != given.end() ? std::optional{found->second} : std::nullopt;
  };
  seen.has_account_token = ::access(account_token, R_OK) == 0;
  return seen;
}

}  // namespace selfscale::agent
