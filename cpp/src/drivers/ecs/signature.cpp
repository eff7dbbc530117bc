#include "drivers/ecs/signature.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <span>

#include "http/percent.hpp"
#include "model/rfc3339.hpp"

namespace selfscale::drivers::ecs {
namespace {

constexpr std::string_view algorithm = "AWS4-HMAC-SHA256";
constexpr std::size_t date_digits = 8;  // of a timestamp

using Digest = std::array<unsigned char, 32>;

Digest sha256(std::string_view text) {
  Digest digest{};
  EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  return digest;
}

Digest hmac(std::span<const unsigned char> key, std::string_view text) {
  Digest digest{};
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), nullptr);
  return digest;
}

std::string hex(const Digest& digest) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : digest) {
    text += digits[byte >> 4U];
    text += digits[byte & 15U];
  }
  return text;
}

/// "/a/../b//c/" becomes "/b/c/".
std::string resolve(std::string_view path) {
  std::vector<std::string_view> kept;
  for (std::size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    const auto segment = path.substr(begin, end - begin);
    begin = end + 1;
    if (segment.empty() || segment == ".") continue;
    if (segment != "..") {
      kept.push_back(segment);
    } else if (!kept.empty()) {
      kept.pop_back();
    }
  }
  std::string resolved;
  for (const auto segment : kept) resolved.append("/").append(segment);
  return resolved.empty() || path.ends_with('/') ? resolved + "/" : resolved;
}

std::string canonical_path(std::string_view path, Path form) {
  const auto whole = form == Path::normalized ? resolve(path) : std::string{path};
  return http::percent_encoded(whole, "/");
}

std::string canonical_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> parameters;
  while (!query.empty()) {
    const auto parameter = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(parameter.size() + 1, query.size()));
    const auto equals = std::min(parameter.find('='), parameter.size());
    const auto value = parameter.substr(std::min(equals + 1, parameter.size()));
    if (!parameter.empty()) {
      // What is encoded already stays so.
      parameters.emplace_back(http::percent_encoded(parameter.substr(0, equals), "%"),
                              http::percent_encoded(value, "%"));
    }
  }
  std::sort(parameters.begin(), parameters.end());
  std::string text;
  for (const auto& [key, value] : parameters) {
    text.append(text.empty() ? "" : "&").append(key).append("=").append(value);
  }
  return text;
}

/// Without spaces at the ends, and with one where there were more.
std::string trimmed(std::string_view value) {
  std::string text;
  for (const char letter : value) {
    const bool is_space = std::string_view{" \t\r\n"}.find(letter) != std::string_view::npos;
    if (!is_space) {
      text += letter;
    } else if (!text.empty() && text.back() != ' ') {
      text += ' ';
    }
  }
  if (text.ends_with(' ')) text.pop_back();
  return text;
}

/// Names in lower case, in order; the values of one name one after the other.
std::map<std::string, std::string> canonical_headers(const Signable& request) {
  std::map<std::string, std::string> headers;
  for (const auto& [given, value] : request.headers) {
    std::string name;
    for (const char letter : given) {
      name += static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
    }
    const auto [place, is_new] = headers.try_emplace(name, trimmed(value));
    if (!is_new) place->second.append(",").append(trimmed(value));
  }
  return headers;
}

std::string signed_headers(const Signable& request) {
  std::string names;
  for (const auto& [name, _] : canonical_headers(request)) {
    names.append(names.empty() ? "" : ";").append(name);
  }
  return names;
}

std::string credential_scope(const Scope& scope) {
  return timestamp(scope.at).substr(0, date_digits) + "/" + scope.region + "/" + scope.service +
         "/aws4_request";
}

}  // namespace

std::string timestamp(WallTime at) {
  auto text = to_rfc3339(static_cast<double>(at.time_since_epoch().count()));
  std::erase_if(text, [](char letter) { return letter == '-' || letter == ':'; });
  return text;
}

std::string canonical_request(const Signable& request, Path path) {
  std::string headers;
  for (const auto& [name, value] : canonical_headers(request)) {
    headers.append(name).append(":").append(value).append("\n");
  }
  return request.method + "\n" + canonical_path(request.path, path) + "\n" +
         canonical_query(request.query) + "\n" + headers + "\n" + signed_headers(request) + "\n" +
         hex(sha256(request.body));
}

std::string string_to_sign(const Scope& scope, std::string_view canonical_request) {
  return std::string{algorithm} + "\n" + timestamp(scope.at) + "\n" + credential_scope(scope) +
         "\n" + hex(sha256(canonical_request));
}

std::string signature(const Secret& key, const Scope& scope, std::string_view string_to_sign) {
  std::string first = "AWS4";
  first += key.reveal();
  const auto date = timestamp(scope.at).substr(0, date_digits);
  Digest derived = hmac({reinterpret_cast<const unsigned char*>(first.data()), first.size()}, date);
  OPENSSL_cleanse(first.data(), first.size());
  for (const std::string_view part :
       {std::string_view{scope.region}, std::string_view{scope.service},
        std::string_view{"aws4_request"}}) {
    derived = hmac(derived, part);
  }
  const auto result = hex(hmac(derived, string_to_sign));
  OPENSSL_cleanse(derived.data(), derived.size());
  return result;
}

SignatureHeaders sign(Signable request, const Credentials& credentials, const Scope& scope) {
  request.headers.emplace_back("X-Amz-Date", timestamp(scope.at));
  if (!credentials.session_token.empty()) {
    request.headers.emplace_back("X-Amz-Security-Token", credentials.session_token.reveal());
  }
  const auto text = string_to_sign(scope, canonical_request(request));
  return {timestamp(scope.at), credentials.session_token,
          std::string{algorithm} + " Credential=" + credentials.access_key_id + "/" +
              credential_scope(scope) + ", SignedHeaders=" + signed_headers(request) +
              ", Signature=" + signature(credentials.secret_access_key, scope, text)};
}

}  // namespace selfscale::drivers::ecs
