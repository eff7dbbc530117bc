/// Where Google gives access tokens, on loopback: the metadata server, and the exchange of a
/// service account's assertion, whose signature it verifies.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "http/loopback_server.hpp"

namespace selfscale::drivers::cloud_run {

/// An RSA key of a service account.
class AccountKey {
 public:
  AccountKey() : key_{EVP_RSA_gen(2048)} {
    if (!key_) throw std::runtime_error{"no RSA key"};
  }
  [[nodiscard]] std::string pem() const {
    const std::unique_ptr<BIO, decltype(&BIO_free_all)> bio{BIO_new(BIO_s_mem()), BIO_free_all};
    PEM_write_bio_PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
    char* text = nullptr;
    const auto size = BIO_get_mem_data(bio.get(), &text);
    return {text, static_cast<std::size_t>(size)};
  }
  /// Is `signature` that of `what` by RSASSA-PKCS1-v1_5 with SHA-256?
  [[nodiscard]] bool verifies(const std::string& what, const std::string& signature) const {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> check{EVP_MD_CTX_new(),
                                                                        EVP_MD_CTX_free};
    const auto bytes = [](const std::string& text) {
      return reinterpret_cast<const unsigned char*>(text.data());
    };
    return EVP_DigestVerifyInit(check.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1 &&
           EVP_DigestVerify(check.get(), bytes(signature), signature.size(), bytes(what),
                            what.size()) == 1;
  }

 private:
  struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  };
  std::unique_ptr<EVP_PKEY, Free> key_;
};

inline std::string from_base64url(const std::string& text) {
  const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string bytes;
  unsigned bits = 0;
  int count = 0;
  for (const char letter : text) {
    bits = bits << 6U | static_cast<unsigned>(alphabet.find(letter));
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes.push_back(static_cast<char>(bits >> static_cast<unsigned>(count) & 0xffU));
  }
  return bytes;
}

class FakeTokens {
 public:
  using Json = nlohmann::json;

  [[nodiscard]] std::string host() const { return "127.0.0.1:" + std::to_string(server_.port()); }
  void interfere(http::Interference* interference) { server_.interfere(interference); }
  template <class Do>
  auto locked(Do act) {
    const std::lock_guard guard{mutex_};
    return act();
  }
  [[nodiscard]] std::string key_file(const AccountKey& key) const {
    return Json{{"type", "service_account"},
                {"client_email", "scaler@p.iam.gserviceaccount.com"},
                {"private_key_id", "key-1"},
                {"private_key", key.pem()},
                {"token_uri", "http://" + host() + "/token"}}
        .dump();
  }

  std::string token = "hunter2";
  int lasts = 3'599;
  bool is_google = true;            ///< says so, as a metadata server does
  const AccountKey* key = nullptr;  ///< of the service account that is known
  Json claims;                      ///< of the last assertion
  int given = 0;

 private:
  struct Said {
    int status = 0;
    std::string body;
    std::string headers;
  };

  void serve(http::Peer& peer) {
    const auto request = peer.receive();
    if (!request) return;
    const auto said = locked([&] { return answer_to(*request); });
    peer.answer(said.status, said.body, said.headers);
  }

  Said answer_to(const http::Received& request) {
    if (request.target() == "/token") return exchange(request);
    const bool is_asked_well =
        request.header("Metadata-Flavor") == "Google" &&
        request.target() == "/computeMetadata/v1/instance/service-accounts/default/token";
    return is_asked_well ? give() : Said{403, {}, {}};
  }

  Said exchange(const http::Received& request) {
    const std::string start =
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
    const auto assertion = request.body.substr(start.size());
    const auto dot = assertion.rfind('.');
    const auto signable = assertion.substr(0, dot);
    const bool is_good = request.body.starts_with(start) && key != nullptr &&
                         request.header("Content-Type") == "application/x-www-form-urlencoded" &&
                         key->verifies(signable, from_base64url(assertion.substr(dot + 1)));
    if (!is_good) {
      return {
          400, R"({"error": "invalid_grant", "error_description": "Invalid JWT Signature."})", {}};
    }
    claims = Json::parse(from_base64url(signable.substr(signable.find('.') + 1)));
    return give();
  }

  Said give() {
    ++given;
    return {200,
            Json{{"access_token", token}, {"expires_in", lasts}, {"token_type", "Bearer"}}.dump(),
            is_google ? "Metadata-Flavor: Google\r\n" : ""};
  }

  std::mutex mutex_;
  http::LoopbackServer server_{[this](http::Peer& peer) { serve(peer); }};
};

}  // namespace selfscale::drivers::cloud_run
