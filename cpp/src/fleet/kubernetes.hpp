/// The store of a cluster: one Lease (coordination.k8s.io/v1) for each text, which stands in an
/// annotation and is written only over the resourceVersion that was read. A cluster lends nobody
/// its clock: a lease has run out for whoever sees it unchanged for as long as it was given.
/// Source: the OpenAPI document of Kubernetes 1.34.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "fleet/store.hpp"
#include "http/client.hpp"
#include "model/secret.hpp"

namespace selfscale::fleet {

/// Where the API is, and who calls it.
struct KubernetesAccess {
  http::Address server;
  http::Tls tls;
  /// As it is now, within so long; an empty one is not sent.
  std::function<boost::asio::awaitable<Result<Secret>>(Duration)> token;
  std::function<void()> forget_token;  ///< it was refused
};

struct KubernetesSetting {
  boost::asio::io_context& io;
  std::string name_space;
  /// Asked before the first call, and again once the API refuses who calls, or does not answer:
  /// what a kubeconfig says may be replaced there while an agent runs.
  std::function<Result<KubernetesAccess>()> find;
  Duration deadline{3'000};  ///< of each call
};

/// What its Leases are called and hold: kubernetes_lease.hpp. Needs get, create and update of
/// leases. A text of more than 128 KiB is refused (Errc::unsupported).
std::unique_ptr<Store> make_kubernetes_store(KubernetesSetting setting);

}  // namespace selfscale::fleet
