/// What a meeting place has to offer that several hosts reach: small named texts, each written only
/// over what was read. All that agents agree on is built from it once (fleet/leased).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <selfscale/instant.hpp>
#include <string>

#include "model/result.hpp"

namespace selfscale::fleet {

/// What a text is of.
struct Key {
  enum class Kind : std::uint8_t { lease, switches, published } kind = Kind::lease;
  std::string service;  ///< any bytes; empty: of all services
};

/// A text as it stands.
struct Kept {
  std::string text;
  std::string version;  ///< changes with each write; to be given back
  bool is_held =
      false;  ///< a lease: somebody holds it, and by the store's clock it has not run out
  /// Not 0: the store has no clock. Then it has run out for whoever sees the same version this
  /// long.
  Duration runs_out_unchanged_for{0};
};

/// A text to write.
struct Wanted {
  Key key;
  std::string text;
  std::string over;      ///< the version that must still stand; empty: there must be none
  std::string holder;    ///< a lease: who holds it from now on; empty: nobody
  Duration held_for{0};  ///< a lease: how long, by the store's clock
};

/// Every call ends within the deadline that the store was made with, and never throws. No message
/// shows a password.
class Store {
 public:
  virtual ~Store() = default;
  /// Empty: there is none.
  virtual boost::asio::awaitable<Result<std::optional<Kept>>> read(Key key) = 0;
  /// The new version; Errc::conflict: another version stands; Errc::timed_out: it may have been
  /// written.
  virtual boost::asio::awaitable<Result<std::string>> write(Wanted wanted) = 0;
};

}  // namespace selfscale::fleet
