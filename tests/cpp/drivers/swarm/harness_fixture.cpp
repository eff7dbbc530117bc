#include "drivers/docker/harness.hpp"
#include "drivers/harness_rows.hpp"
#include "drivers/played_faults.hpp"
#include "drivers/swarm/swarm_server.hpp"

namespace selfscale::drivers {
namespace {

namespace asio = boost::asio;

/// A manager of a Swarm as a server on loopback plays it.
class SwarmHarness final : public Harness, public OverHttp {
 public:
  SwarmHarness() = default;
  ~SwarmHarness() override { EXPECT_EQ(api_.wrong(), std::vector<std::string>{}); }
  SwarmHarness(const SwarmHarness&) = delete;

  std::unique_ptr<Driver> make(asio::io_context& io) override { return make_busy(io, ample); }
  int truth() override { return api_.replicas(); }
  void set_truth(int replicas) override { api_.set_replicas(replicas); }
  std::optional<Errc> inject(Fault fault) override {
    is_gone_ = fault == Fault::refuses;
    api_.set_intercept(playing(fault));
    return owed(fault);
  }
  std::vector<Ailment> ailments() override {
    using Swarm = swarm::SwarmServer::Swarm;
    const auto with = [this](auto change) { return [this, change] { api_.change(change); }; };
    const auto of_another_service = [this](asio::io_context& io) {
      const auto platform = R"({"service": "api", "host": ")" + api_.host() + "\"}";
      return drivers::make("swarm", Setting{io, "web", platform, {}, {}}).value();
    };
    return {{"is in no swarm", with([](Swarm& swarm) { swarm.node_state = "inactive"; }), {}},
            {"is a worker", with([](Swarm& swarm) { swarm.is_manager = false; }), {}},
            {"api", [] {}, of_another_service},
            {"is global",
             with([](Swarm& swarm) {
               swarm.spec["Mode"] = {{"Global", Json::object()}};
             }),
             {}},
            {"of the stack shop",
             with([](Swarm& swarm) {
               swarm.spec["Labels"] = {{"com.docker.stack.namespace", "shop"}};
             }),
             {}}};
  }

  std::unique_ptr<Driver> make_busy(asio::io_context& io, Duration patience) override {
    const auto host = is_gone_ ? "tcp://127.0.0.1:1" : api_.host();
    const auto platform = R"({"mayInterruptWork": true, "host": ")" + host + "\"}";
    Setting setting{io, "web", platform, {}, {}};
    setting.patience = patience;
    return drivers::make("swarm", std::move(setting)).value();
  }
  void restore() override { api_.set_replicas(2); }
  void interfere(http::Interference* interference) override { api_.interfere(interference); }
  Refused refusal(const Called&, int status, std::chrono::seconds) override {
    return refusal_of_engine(status);
  }
  bool asks_to_wait() override { return false; }
  bool ignore_writes() override {
    api_.change([](auto& swarm) { swarm.ignores_writes = true; });
    return true;
  }
  bool rotate_key() override { return false; }
  bool has_key(const Called&) override { return false; }
  std::vector<Divergence> divergences() override {
    using End = Divergence::End;
    return {{"observe", "/tasks", "401 403", End::done,
             "the service tells the counts; the note says why its tasks are not known"},
            {"preflight", "/services", "404", End::finding, "it says how to find the name"},
            {"scale",
             {},
             "ignored",
             End::done,
             "the answer tells no count; the next observation does"}};
  }

 private:
  using Json = nlohmann::json;

  swarm::SwarmServer api_;
  bool is_gone_ = false;
};

}  // namespace

HarnessRow swarm_harness() { return row<SwarmHarness>("swarm"); }

}  // namespace selfscale::drivers
