/// What TLS needs before a connection, and what its failures mean.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <boost/system/error_code.hpp>
#include <memory>
#include <string>

#include "http/address.hpp"
#include "model/result.hpp"

namespace selfscale::http {

/// TLS 1.2 or later, with the authorities and the certificate given. Errc::invalid_argument: one of
/// them cannot be read or used; no message shows a key.
Result<std::shared_ptr<boost::asio::ssl::context>> tls_context(const Tls& tls);

/// Sets the name that a connection asks for and that the server's certificate must have.
Result<void> expect_name(SSL* connection, const std::string& name);

/// Why the server's certificate was not accepted; empty: it was, or none was seen.
std::string why_not_accepted(SSL* connection);

/// Has the server refused ours, or asked for one that was not given?
bool is_refusal_of_ours(const boost::system::error_code& error);

}  // namespace selfscale::http
