/// Authorities and certificates, made when a test needs them.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace selfscale::http {

template <auto free>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    free(object);
  }
};
using OwnedKey = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using OwnedCertificate = std::unique_ptr<X509, Freed<X509_free>>;
using OwnedBio = std::unique_ptr<BIO, Freed<BIO_free>>;

inline std::string text_in(BIO* bio) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio, &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

/// A certificate with its key, both as PEM.
struct Identity {
  std::string certificate;
  std::string key;
};

class Authority {
 public:
  explicit Authority(const std::string& name) : name_{name}, key_{new_key()} {
    own_ = unsigned_certificate(name, key_.get());
    extend(own_.get(), NID_basic_constraints, "critical,CA:TRUE");
    sign(own_.get());
  }

  [[nodiscard]] std::string certificate() const { return pem_of(own_.get()); }

  /// For a server or client of that name: "DNS:localhost", "IP:127.0.0.1". `days` from now on;
  /// below zero it is over.
  [[nodiscard]] Identity issue(const std::string& names, long days = 1) const {
    const auto key = new_key();
    const auto made = unsigned_certificate("test", key.get(), days);
    extend(made.get(), NID_subject_alt_name, names);
    sign(made.get());
    return {pem_of(made.get()), pem_of(key.get())};
  }

 private:
  static OwnedKey new_key() { return OwnedKey{check(EVP_EC_gen("P-256"))}; }

  template <class T>
  static T* check(T* made) {
    if (made == nullptr) throw std::runtime_error{"OpenSSL makes no certificate"};
    return made;
  }

  [[nodiscard]] OwnedCertificate unsigned_certificate(const std::string& name, EVP_PKEY* key,
                                                      long days = 1) const {
    constexpr long a_day = 86'400;
    OwnedCertificate made{check(X509_new())};
    X509_set_version(made.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), ++serial_);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), -2 * a_day);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), days * a_day);
    X509_set_pubkey(made.get(), key);
    set_name(X509_get_subject_name(made.get()), name);
    set_name(X509_get_issuer_name(made.get()), name_);
    return made;
  }

  static void set_name(X509_NAME* name, const std::string& text) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(text.c_str());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, bytes, -1, -1, 0);
  }

  static void extend(X509* certificate, int kind, const std::string& value) {
    const std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>> extension{
        check(X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str()))};
    X509_add_ext(certificate, extension.get(), -1);
  }

  void sign(X509* certificate) const {
    if (X509_sign(certificate, key_.get(), EVP_sha256()) == 0) check<X509>(nullptr);
  }

  static std::string pem_of(X509* certificate) {
    const OwnedBio bio{check(BIO_new(BIO_s_mem()))};
    PEM_write_bio_X509(bio.get(), certificate);
    return text_in(bio.get());
  }
  static std::string pem_of(EVP_PKEY* key) {
    const OwnedBio bio{check(BIO_new(BIO_s_mem()))};
    PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
    return text_in(bio.get());
  }

  std::string name_;
  OwnedKey key_;
  OwnedCertificate own_;
  inline static long serial_ = 0;
};

}  // namespace selfscale::http
