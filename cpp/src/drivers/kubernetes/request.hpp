/// How the Kubernetes API is asked, and what a refusal of its says. Pure; any thread.
#pragma once

#include <string>

#include "drivers/kubernetes/document.hpp"
#include "http/call.hpp"
#include "model/result.hpp"

namespace selfscale::drivers::kubernetes {

/// A right, as RBAC names it.
struct Permission {
  std::string verb;
  std::string group;     ///< of the API; empty: the core group
  std::string resource;  ///< "deployments", "deployments/scale"
  std::string name;      ///< of the one object; empty: of any
};
/// "update deployments/scale web (apps)"
std::string to_text(const Permission& permission);
/// The line of a Role's `rules` that gives it.
std::string to_rule(const Permission& permission);

struct Request {
  http::Call call;
  Permission needs;
};

Request get(std::string path, Permission needs);
Request write(std::string method, std::string path, const std::string& body, Permission needs);
/// A JSON merge patch: what it has is set, null takes away, all else stays.
Request patch(std::string path, const std::string& body, Permission needs);
/// The part of a list that begins at `page`, the empty one first; at most 500 items.
std::string paged(std::string path, const std::string& page);

/// What a refusal says: the status' code, the API's own words, and the permission where that is
/// missing. A refusal of a write that may yet have happened is Errc::timed_out (http/status.hpp).
Failure refusal(const http::Address& server, const Request& request, const http::Answer& answer);

}  // namespace selfscale::drivers::kubernetes
