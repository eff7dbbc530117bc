#include "drivers/cloud_run/credentials.hpp"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "drivers/hosted/answer.hpp"

namespace selfscale::drivers::cloud_run {
namespace {

using hosted::Json;
using hosted::malformed;

constexpr std::chrono::seconds assertion_lasts{3'600};  // the longest that Google takes
constexpr int longest_token_life = 86'400;

template <auto release>
struct Release {
  template <class T>
  void operator()(T* held) const {
    release(held);
  }
};
using Bio = std::unique_ptr<BIO, Release<BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, Release<EVP_PKEY_free>>;
using Signing = std::unique_ptr<EVP_MD_CTX, Release<EVP_MD_CTX_free>>;

/// OpenSSL would ask at the terminal for the password of an encrypted key.
int no_password(char*, int, int, void*) { return 0; }

/// Empty: the key cannot be used.
std::string sign(const Secret& pem, std::string_view what) {
  const auto text = pem.reveal();
  const Bio bio{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
  const Key key{bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr) : nullptr};
  if (!key || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA) return {};
  const Signing signing{EVP_MD_CTX_new()};
  if (!signing ||
      EVP_DigestSignInit(signing.get(), nullptr, EVP_sha256(), nullptr, key.get()) != 1) {
    return {};
  }
  const auto* bytes = reinterpret_cast<const unsigned char*>(what.data());
  std::size_t size = 0;
  if (EVP_DigestSign(signing.get(), nullptr, &size, bytes, what.size()) != 1) return {};
  std::vector<unsigned char> signature(size);
  if (EVP_DigestSign(signing.get(), signature.data(), &size, bytes, what.size()) != 1) return {};
  return {signature.begin(), signature.begin() + static_cast<std::ptrdiff_t>(size)};
}

}  // namespace

std::string base64url(std::string_view bytes) {
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string encoded;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char byte : bytes) {
    bits = bits << 8U | static_cast<unsigned char>(byte);
    for (count += 8; count >= 6; count -= 6) encoded += alphabet[bits >> (count - 6) & 63U];
  }
  if (count > 0) encoded += alphabet[bits << (6 - count) & 63U];
  return encoded;
}

Result<ServiceAccount> parse_service_account(std::string_view file) {
  const auto json = hosted::parse(file);
  if (!json) return malformed("it is no JSON");
  const auto type = text(at(*json, "type"));
  if (type != "service_account") {
    return Failure{Errc::unsupported,
                   "credentials of the type \"" + type +
                       "\" are not supported: use a service account's key, or the metadata server",
                   {}};
  }
  ServiceAccount account{text(at(*json, "client_email")), text(at(*json, "private_key_id")),
                         Secret{text(at(*json, "private_key"))}, text(at(*json, "token_uri"))};
  if (account.token_uri.empty()) account.token_uri = "https://oauth2.googleapis.com/token";
  if (account.email.empty() || account.key.empty()) {
    return malformed("client_email or private_key is missing");
  }
  return account;
}

Result<Secret> signed_assertion(const ServiceAccount& account, WallTime now) {
  const auto issued = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch());
  Json header = {{"alg", "RS256"}, {"typ", "JWT"}};
  if (!account.key_id.empty()) header["kid"] = account.key_id;
  const Json claims = {{"iss", account.email},
                       {"scope", scope},
                       {"aud", account.token_uri},
                       {"iat", issued.count()},
                       {"exp", (issued + assertion_lasts).count()}};
  const auto signable = base64url(header.dump()) + "." + base64url(claims.dump());
  const auto signature = sign(account.key, signable);
  if (signature.empty()) {
    return Failure{Errc::denied,
                   "the private key of " + account.email + " is no RSA key that can be used",
                   {}};
  }
  return Secret{signable + "." + base64url(signature)};
}

http::Call exchange(const Secret& assertion) {
  http::Call call;
  call.method = "POST";
  call.is_query = true;  // nothing comes about by it but a token
  call.headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                  {"Accept", "application/json"}};
  call.body = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
  call.body += assertion.reveal();
  return call;
}

http::Call ask_metadata() {
  http::Call call;
  call.target = "/computeMetadata/v1/instance/service-accounts/default/token";
  call.headers = {{"Metadata-Flavor", "Google"}};
  return call;
}

Result<void> check_metadata_server(const http::Answer& answer) {
  if (answer.header("Metadata-Flavor") == "Google") return {};
  return malformed(
      "no metadata server of Google's answered: its header Metadata-Flavor is missing");
}

Result<AccessToken> parse_access_token(std::string_view body) {
  const auto json = hosted::parse(body);
  if (!json) return json.error();
  const auto token = text(at(*json, "access_token"));
  const auto lasts = selfscale::count(at(*json, "expires_in"), 0);
  const bool is_token = !token.empty() && std::all_of(token.begin(), token.end(), [](char letter) {
    return letter > ' ' && letter <= '~';
  });
  if (!is_token || !lasts) return malformed("the answer holds no access token");
  return AccessToken{Secret{token}, std::chrono::seconds{std::min(*lasts, longest_token_life)}};
}

std::string words_of_refusal(std::string_view body) {
  const auto json = hosted::parse(body);
  if (!json) return {};
  const auto error = text(at(*json, "error"));
  const auto description = text(at(*json, "error_description"));
  return http::shortened(description.empty() ? error : error + ": " + description);
}

}  // namespace selfscale::drivers::cloud_run
