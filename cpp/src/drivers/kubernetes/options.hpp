/// The policy's platform object, as the driver `kubernetes` reads it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/result.hpp"

namespace selfscale::drivers::kubernetes {

enum class Kind : std::uint8_t { deployment, stateful_set };

/// What is scaled. Names are checked: they stand in addresses.
struct Target {
  Kind kind = Kind::deployment;
  std::string name_space;  ///< empty: that of the credentials
  std::string name;
};

struct Options {
  Target target;
  std::string
      kubeconfig;  ///< path of a file; empty: in a pod its service account, else the usual file
  std::string context;      ///< of the kubeconfig; empty: its current one
  bool takes_over = false;  ///< a person consents to the suspension of other autoscalers
};

/// `{"namespace": …, "deployment": … or "statefulSet": …, "kubeconfig": …, "context": …,
/// "takeOver": …}`, all optional: without a name it is the Deployment called like the service.
Result<Options> read_options(std::string_view platform_json, const std::string& service);

/// A DNS name in small letters, as Kubernetes names things (RFC 1123).
bool is_name(std::string_view text);
/// "Deployment", "StatefulSet".
std::string_view kind_name(Kind kind) noexcept;
/// "deployments", "statefulsets": the resource in addresses and permissions.
std::string_view resource_name(Kind kind) noexcept;

}  // namespace selfscale::drivers::kubernetes
