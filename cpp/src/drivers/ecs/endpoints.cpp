#include "drivers/ecs/endpoints.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <cctype>

namespace selfscale::drivers::ecs {
namespace {

/// AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING and the like.
std::string variable_of(std::string_view service) {
  if (service == "application-autoscaling") return "AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING";
  std::string name{service};
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::toupper(letter)); });
  return "AWS_ENDPOINT_URL_" + name;
}

}  // namespace

bool is_loopback(const std::string& host) {
  boost::system::error_code no_address;
  const auto address = boost::asio::ip::make_address(host, no_address);
  return host == "localhost" || (!no_address && address.is_loopback());
}

Result<http::Address> address_of(std::string_view service, std::string_view region,
                                 std::string_view override, const Environment& environment) {
  std::string text{override};
  if (text.empty()) text = environment(variable_of(service)).value_or("");
  if (text.empty()) text = environment("AWS_ENDPOINT_URL").value_or("");
  if (text.empty()) {
    const std::string_view domain =
        region.starts_with("cn-") ? ".amazonaws.com.cn" : ".amazonaws.com";
    text.append("https://").append(service).append(".").append(region).append(domain);
  }
  auto address = http::parse_address(text);
  if (address && address->scheme == http::Address::Scheme::http && !is_loopback(address->host)) {
    return Failure{Errc::invalid_argument,
                   "the endpoint of AWS, " + http::to_text(*address) +
                       ", would be spoken to in clear: it begins with https://, or is on this "
                       "machine",
                   {}};
  }
  return address;
}

std::string region_in(std::string_view arn) {
  if (!arn.starts_with("arn:")) return {};
  for (int i = 0; i < 3; ++i) {
    const auto colon = arn.find(':');
    if (colon == std::string_view::npos) return {};
    arn.remove_prefix(colon + 1);
  }
  return std::string{arn.substr(0, arn.find(':'))};
}

}  // namespace selfscale::drivers::ecs
