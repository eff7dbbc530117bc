/// The one way out: every call to a platform, a store or a web hook goes through here.
///
/// HTTP/1.1 over TCP, TLS or a Unix socket, one connection per call, every size and wait bounded,
/// inside somebody else's io_context. Nothing here knows what is asked, and nothing retries: a
/// failure says what may be done about it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <selfscale/instant.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/address.hpp"
#include "model/result.hpp"
#include "model/secret.hpp"

namespace selfscale::http {

/// Whom to trust, and who we are, on a TLS connection. The server's certificate is always verified,
/// its name too: there is no switch for that.
struct Tls {
  std::string authorities;       ///< PEM; with the file's, instead of the system's
  std::string authorities_file;  ///< PEM; read again after a certificate was not accepted
  std::string certificate;       ///< PEM, ours, with its chain; empty: none is shown
  Secret key;                    ///< PEM, of `certificate`
  std::string server_name;       ///< what the certificate must name; empty: the address's host
};

struct Call {
  std::string method = "GET";
  std::string target = "/";  ///< path and query, percent-encoded; comes after the address's prefix
  std::vector<std::pair<std::string, std::string>> headers;  ///< Host and Content-Length are set
  std::vector<std::pair<std::string, Secret>> secrets;       ///< headers too: "Authorization", …
  std::string body;
  Duration deadline{10'000};         ///< for the whole call, redirects included
  Duration connect_deadline{3'000};  ///< within it: to find the host, connect, and shake hands
  std::size_t most_bytes = std::size_t{8} * 1024 * 1024;  ///< of the answer's body
};

struct Answer {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;

  /// The first of that name, in any case; empty: none.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const noexcept;
};

/// `Bearer TOKEN`, for the header Authorization.
Secret bearer(const Secret& token);

/// The failure that an answer stands for, by its status: its code (status.hpp), and `words` after
/// what was called: "PUT https://host/path: 409: words". The query is left out.
Failure failure_of(const Address& address, const Call& call, const Answer& answer,
                   std::string_view words);

/// One server. All members: on the io_context's thread, or while it does not run. TLS is set up by
/// the first call that needs it, not before.
class Client {
 public:
  Client(boost::asio::io_context& io, Address address, Tls tls = {});
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();  ///< stops

  /// Any answer is a success, whatever its status. GET and HEAD follow at most 3 redirects, and
  /// those only to the same scheme, host and port; other methods none: the 3xx is the answer.
  ///
  /// Failures, never an exception:
  ///   unreachable       no such host, connection refused or reset: a write was not carried out
  ///   timed_out         no answer in time; for a write, any end without a whole answer: whether it
  ///                     was carried out must be read back
  ///   malformed         GET and HEAD: the answer is cut off, too large, or no HTTP
  ///   denied            the server's certificate is not accepted, or ours is not
  ///   unsupported       a redirect to another server
  ///   invalid_argument  the call or the certificates given cannot be used
  ///   stopped           the client was stopped, or the coroutine cancelled
  ///
  /// Calls may overlap. A cancelled call ends at once.
  boost::asio::awaitable<Result<Answer>> call(Call call);

  /// Ends all calls under way; they fail with Errc::stopped, and so do later ones.
  void stop() noexcept;

  [[nodiscard]] const Address& address() const noexcept;

 private:
  struct State;
  std::shared_ptr<State> state_;  ///< calls share it until they have noticed the stop
};

}  // namespace selfscale::http
