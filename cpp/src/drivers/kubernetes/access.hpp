/// Where the cluster's API is and who we are there: a pod's service account, or a kubeconfig file.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "drivers/kubernetes/options.hpp"
#include "drivers/kubernetes/plugin.hpp"
#include "http/address.hpp"
#include "model/result.hpp"
#include "model/secret.hpp"

namespace selfscale::drivers::kubernetes {

struct Access {
  http::Address server;
  http::Tls tls;
  Secret token;                  ///< empty: none, or that of the file
  std::string token_file;        ///< rotated by the cluster: read at each use
  std::optional<Plugin> plugin;  ///< gives the token; empty: it is one of the two
  /// What that has given last, for all copies of this access.
  std::shared_ptr<std::optional<IssuedToken>> issued =
      std::make_shared<std::optional<IssuedToken>>();
  std::string name_space;

  /// Goes on with what the program has given `before`, where it is the same program.
  void keep_token_of(const Access& before) {
    if (plugin && plugin == before.plugin) issued = before.issued;
  }
  /// The API has refused what the program gave.
  void forget_token() const { issued->reset(); }
};

/// What a process can tell of where it runs.
struct Surroundings {
  std::string service_host;    ///< KUBERNETES_SERVICE_HOST; empty: not in a pod
  std::string service_port;    ///< KUBERNETES_SERVICE_PORT
  std::string account_folder;  ///< where a pod finds its token, authority and namespace
  std::string kubeconfig;      ///< KUBECONFIG
  std::string home;
};
Surroundings surroundings_of_this_process();

/// The file of the options, else the pod's service account, else KUBECONFIG, else ~/.kube/config.
/// Errc::unsupported: there is none of them, or one says something that is not done here (a
/// password, no verification), which the message names. Errc::malformed, Errc::storage:
/// one cannot be read.
Result<Access> find_access(const Options& options, const Surroundings& surroundings);

/// Of a kubeconfig's text; `folder` is what its relative paths start from.
Result<Access> read_kubeconfig(std::string_view text, const std::string& folder,
                               const std::string& context);

/// The token that is given or stands in a file (token.hpp has a program's); empty: there is none.
/// Errc::storage: its file cannot be read.
Result<Secret> current_token(const Access& access);

}  // namespace selfscale::drivers::kubernetes
