/// The one way out: every call to a platform, a store or a web hook goes through here.
///
/// HTTP/1.1 over TCP, TLS or a Unix socket, one connection per call, every size and wait bounded,
/// inside somebody else's io_context. Nothing here knows what is asked, and nothing retries: a
/// failure says what may be done about it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>

#include "http/address.hpp"
#include "http/call.hpp"
#include "model/result.hpp"

namespace selfscale::http {

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
  ///   timed_out         of a read: its time is over, however far it came; of a write: any end
  ///                     without a whole answer once it was sent: whether it was carried out must
  ///                     be read back
  ///   malformed         of a read: the answer is cut off, too large, or no HTTP
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
