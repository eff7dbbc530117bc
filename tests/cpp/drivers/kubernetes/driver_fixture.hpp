/// The driver `kubernetes` before a server that plays the API, and what that was asked.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "drivers/kubernetes.hpp"
#include "drivers/kubernetes/api.hpp"
#include "drivers/kubernetes/api_server.hpp"
#include "run_coroutine.hpp"

namespace selfscale::drivers::kubernetes {

namespace asio = boost::asio;
using Cluster = ApiServer::Cluster;

class KubernetesDriver : public testing::Test {
 protected:
  explicit KubernetesDriver(Kind kind = Kind::deployment) : api{kind} { restart(); }
  ~KubernetesDriver() override {
    EXPECT_EQ(api.cluster.wrong, std::vector<std::string>{}) << "against the published document";
  }
  KubernetesDriver(const KubernetesDriver&) = delete;

  void restart() { driver = made_in(""); }
  /// An agent's in the pod of that name, or in none.
  std::unique_ptr<Driver> made_in(const std::string& pod) {
    Setting setting{io, "backend", api.platform(), {}, {}};
    setting.instance = pod;
    return kubernetes_driver(std::move(setting)).value();
  }
  Result<Observation> observe() { return run(io, driver->observe()); }
  Result<void> scale(ScaleRequest request) {
    if (request.version.empty()) request.version = observe()->version;
    return run(io, driver->scale(std::move(request)));
  }
  Preflight preflight() { return run(io, driver->preflight()).value(); }
  std::vector<std::string> asked() {
    return api.look([](const Cluster& cluster) { return cluster.asked; });
  }
  /// Answers what goes to addresses that hold `part` in this way, and all else as usual.
  void answer(const std::string& part, int status, const std::string& body,
              const std::string& method = "") {
    api.change([=](Cluster& cluster) {
      cluster.intercept = [=](http::Peer& peer, const http::Received& request) {
        const bool is_meant = request.target().find(part) != std::string::npos &&
                              (method.empty() || request.method() == method);
        if (is_meant) peer.answer(status, body);
        return is_meant;
      };
    });
  }

  asio::io_context io;
  ApiServer api;
  std::unique_ptr<Driver> driver;
};

}  // namespace selfscale::drivers::kubernetes
