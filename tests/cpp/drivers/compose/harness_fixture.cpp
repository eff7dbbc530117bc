#include "drivers/compose/compose_server.hpp"
#include "drivers/docker/harness.hpp"
#include "drivers/harness_rows.hpp"
#include "drivers/played_faults.hpp"

namespace selfscale::drivers {
namespace {

namespace asio = boost::asio;

/// An Engine with the containers of a Compose project, as a server on loopback plays it.
class ComposeHarness final : public Harness, public OverHttp {
 public:
  ComposeHarness() = default;
  ~ComposeHarness() override { EXPECT_EQ(api_.wrong(), std::vector<std::string>{}); }
  ComposeHarness(const ComposeHarness&) = delete;

  std::unique_ptr<Driver> make(asio::io_context& io) override { return make_busy(io, ample); }
  int truth() override { return api_.replicas(); }
  std::vector<std::string> incomplete() override { return api_.cut_off(); }
  void set_truth(int replicas) override { api_.set_replicas(replicas); }
  std::optional<Errc> inject(Fault fault) override {
    is_gone_ = fault == Fault::refuses;
    api_.set_intercept(playing(fault));
    return owed(fault);
  }
  std::vector<Ailment> ailments() override {
    using Host = compose::ComposeServer::Host;
    const auto with = [this](auto change) { return [this, change] { api_.change(change); }; };
    return {
        {"there is no container", [this] { api_.set_replicas(0); }, {}},
        {"it takes the port 8080",
         with([](Host& host) {
           host.host_config["PortBindings"]["80/tcp"] = {{{"HostIp", ""}, {"HostPort", "8080"}}};
         }),
         {}},
        {"container_name",
         with([](Host& host) {
           for (auto& each : host.containers) each.name = "fixed" + std::to_string(each.number);
         }),
         {}}};
  }

  std::unique_ptr<Driver> make_busy(asio::io_context& io, Duration patience) override {
    const auto host = is_gone_ ? "tcp://127.0.0.1:1" : api_.host();
    Setting setting{io, "web", R"({"project": "shop", "host": ")" + host + "\"}", {}, {}};
    setting.patience = patience;
    return drivers::make("compose", std::move(setting)).value();
  }
  /// In two networks: the second one takes a call of its own.
  void restore() override {
    api_.change([](compose::ComposeServer::Host& host) {
      host.networks = {"shop_default", "shop_back"};
      host.containers.clear();
      host.next = 0;
    });
    api_.set_replicas(2);
  }
  void interfere(http::Interference* interference) override { api_.interfere(interference); }
  Refused refusal(const Called&, int status, std::chrono::seconds) override {
    return refusal_of_engine(status);
  }
  bool asks_to_wait() override { return false; }
  bool ignore_writes() override { return false; }
  bool rotate_key() override { return false; }
  bool has_key(const Called&) override { return false; }
  std::vector<Divergence> divergences() override {
    using End = Divergence::End;
    constexpr std::string_view refusals = "401 403 404 409 422 429";
    constexpr std::string_view unsure = "500 502 503 504 reset lost torn hangs cut";
    constexpr auto taken_back = "what does not start is taken away again, or Compose counts it";
    constexpr auto undone = "whatever was done of it is undone";
    return {{"scale", "/connect", refusals, End::as_in_the_table, taken_back},
            {"scale", "/start", refusals, End::as_in_the_table, taken_back},
            {"scale", "/connect", unsure, End::failed, undone},
            {"scale", "/start", unsure, End::failed, undone},
            {"scale", "/rename", "404", End::done, "somebody else was faster"},
            {"scale", "/stop", "401 403 409 422 429", End::as_in_the_table,
             "what stays gets its name back, and counts again"},
            {"scale", "/stop", "hangs", End::done, "a container may take its time to end"},
            {"preflight", "0/json", "422", End::finding, "it says what that stands in the way of"},
            {"scale", "/stop", "404", End::done, "somebody else was faster"},
            {"scale", "DELETE", "404", End::done, "somebody else was faster"}};
  }

 private:
  compose::ComposeServer api_;
  bool is_gone_ = false;
};

}  // namespace

HarnessRow compose_harness() { return row<ComposeHarness>("compose"); }

}  // namespace selfscale::drivers
