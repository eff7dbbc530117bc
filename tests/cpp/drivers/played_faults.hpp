// The faults of a platform that a server on loopback plays.
#pragma once

#include <functional>
#include <optional>

#include "drivers/memory.hpp"
#include "http/loopback_server.hpp"

namespace selfscale::drivers {

/// What a server on loopback does to each request.
inline std::function<bool(http::Peer&, const http::Received&)> playing(Fault fault) {
  return [fault](http::Peer& peer, const http::Received&) {
    if (fault == Fault::denies) peer.answer(403, R"({"message":"no"})");
    if (fault == Fault::garbage) peer.answer(200, "<html>");
    if (fault == Fault::hangs) peer.wait_for_the_end();
    return fault == Fault::denies || fault == Fault::garbage || fault == Fault::hangs;
  };
}
/// What a driver says of it then.
inline std::optional<Errc> owed(Fault fault) {
  if (fault == Fault::refuses) return Errc::unreachable;
  if (fault == Fault::denies) return Errc::denied;
  if (fault == Fault::hangs) return Errc::timed_out;
  if (fault == Fault::garbage) return Errc::malformed;
  return std::nullopt;
}

}  // namespace selfscale::drivers
