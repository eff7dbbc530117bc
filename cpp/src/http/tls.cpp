#include "http/tls.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/error.hpp>
#include <fstream>
#include <optional>
#include <sstream>

namespace selfscale::http {
namespace {

namespace asio = boost::asio;
namespace ssl = asio::ssl;
using boost::system::error_code;

Failure unusable(const std::string& what, const error_code& error) {
  return Failure{Errc::invalid_argument, what + " cannot be used: " + error.message(), {}};
}

std::optional<std::string> text_of(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  std::stringstream text;
  if (!file || !(text << file.rdbuf())) return std::nullopt;
  return text.str();
}

Result<void> trust(ssl::context& context, const Tls& tls) {
  std::string authorities = tls.authorities;
  if (!tls.authorities_file.empty()) {
    const auto text = text_of(tls.authorities_file);
    if (!text) {
      return Failure{Errc::invalid_argument,
                     "the file of authorities " + tls.authorities_file + " cannot be read",
                     {}};
    }
    authorities += "\n" + *text;
  }
  error_code error;
  if (authorities.empty()) {
    context.set_default_verify_paths(error);
    if (error) return unusable("the system's list of authorities", error);
    return {};
  }
  context.add_certificate_authority(asio::buffer(authorities), error);
  if (error) return unusable("the list of authorities", error);
  // Who names an authority means that one, be it somebody else's or not.
  X509_STORE_set_flags(::SSL_CTX_get_cert_store(context.native_handle()),
                       X509_V_FLAG_PARTIAL_CHAIN);
  return {};
}

Result<void> show(ssl::context& context, const Tls& tls) {
  if (tls.certificate.empty()) return {};
  error_code error;
  context.use_certificate_chain(asio::buffer(tls.certificate), error);
  if (error) return unusable("the client certificate", error);
  const auto key = tls.key.reveal();
  context.use_private_key(asio::buffer(key.data(), key.size()), ssl::context::pem, error);
  if (error) return unusable("the key of the client certificate", error);
  return {};
}

bool is_address(const std::string& name) {
  error_code error;
  asio::ip::make_address(name, error);
  return !error;
}

}  // namespace

Result<std::shared_ptr<ssl::context>> tls_context(const Tls& tls) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
  ::SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  error_code error;
  context->set_verify_mode(ssl::verify_peer, error);
  if (error) return unusable("TLS", error);
  // Without this, OpenSSL would ask for an encrypted key's pass phrase on the terminal.
  context->set_password_callback([](auto, auto) { return std::string{}; }, error);
  if (error) return unusable("TLS", error);
  if (const auto trusted = trust(*context, tls); !trusted) return trusted.error();
  if (const auto shown = show(*context, tls); !shown) return shown.error();
  return context;
}

Result<void> expect_name(SSL* connection, const std::string& name) {
  const bool is_set =
      is_address(name)
          ? ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(connection), name.c_str()) == 1
          : ::SSL_set1_host(connection, name.c_str()) == 1 &&
                ::SSL_ctrl(connection, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                           const_cast<char*>(name.c_str())) == 1;
  if (is_set) return {};
  ::ERR_clear_error();
  return Failure{Errc::invalid_argument, "\"" + name + "\" cannot be a certificate's name", {}};
}

std::string why_not_accepted(SSL* connection) {
  const long result = ::SSL_get_verify_result(connection);
  if (result == X509_V_OK) return {};
  return ::X509_verify_cert_error_string(result);
}

bool is_refusal_of_ours(const error_code& error) {
  if (error.category() != asio::error::get_ssl_category()) return false;
  switch (ERR_GET_REASON(static_cast<unsigned long>(error.value()))) {
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_NO_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
      return true;
    default:
      return false;
  }
}

}  // namespace selfscale::http
