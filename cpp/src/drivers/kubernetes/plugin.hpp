/// Programs that give a kubeconfig's user its token (`exec`), as those of EKS, GKE and AKS do.
/// Pure; any thread.
/// Source: "client-go credential plugins" in the documentation of Kubernetes 1.34, and its API
/// client.authentication.k8s.io/v1.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "drivers/program.hpp"
#include "model/result.hpp"
#include "model/secret.hpp"

namespace selfscale::drivers::kubernetes {

struct Plugin {
  Program program;
  std::string api_version;   ///< which it is asked in, and must answer in
  std::string install_hint;  ///< what the kubeconfig says to whoever does not have it

  bool operator==(const Plugin&) const = default;
};

/// Of the user's `exec` and of the cluster, as they stand in the file; relative paths start from
/// `folder`. Errc::malformed, Errc::unsupported: it cannot be run, as the message says.
Result<Plugin> read_plugin(const nlohmann::json& exec, const nlohmann::json& cluster,
                           const std::string& folder);

struct IssuedToken {
  Secret token;
  std::optional<double> expires;  ///< in seconds since 1970; empty: only a refusal tells
};

/// What it printed, an ExecCredential. Errc::malformed: it is none, in that version, or has no
/// token. Errc::unsupported: it is a client certificate. No message shows what was printed.
Result<IssuedToken> parse_issued(std::string_view printed, std::string_view api_version);

}  // namespace selfscale::drivers::kubernetes
