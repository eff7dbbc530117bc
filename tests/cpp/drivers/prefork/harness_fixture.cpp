#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "drivers/harness_rows.hpp"
#include "drivers/prefork/facts.hpp"
#include "drivers/prefork/server_fixture.hpp"
#include "drivers/supervisor_fixture.hpp"

namespace selfscale::drivers {
namespace {

namespace asio = boost::asio;

/// A parent that takes the signals, with real workers.
class PreforkHarness final : public Harness {
 public:
  explicit PreforkHarness(std::string kind) : kind_{std::move(kind)}, server_{kind_} {}
  std::unique_ptr<Driver> make(asio::io_context& io) override {
    return drivers::make(kind_, Setting{io, "backend", server_.platform(), {}, {}}).value();
  }
  int truth() override { return server_.count(); }
  /// The server says nothing but by its workers: what it was told is seen once they are there.
  void set_truth(int replicas) override {
    server_.set_count(replicas);
    EXPECT_TRUE(local::eventually(
        [&] { return static_cast<int>(prefork::children_of(server_.pid()).size()) == replicas; }));
  }
  std::optional<Errc> inject(Fault fault) override {
    if (fault == Fault::hangs) {
      server_.stop();
    } else {
      server_.signal(SIGCONT);
    }
    const auto pid = std::to_string(server_.pid());
    server_.write_pid_file(fault == Fault::garbage ? "}{" : pid);
    if (fault == Fault::refuses) std::filesystem::remove(server_.pid_file());
    if (fault == Fault::refuses) return Errc::unreachable;
    if (fault == Fault::hangs) return Errc::timed_out;
    if (fault == Fault::garbage) return Errc::malformed;
    return std::nullopt;
  }
  std::vector<Ailment> ailments() override {
    return {{"is not the ", [this] { server_.write_pid_file(std::to_string(::getpid())); }, {}}};
  }

 private:
  std::string kind_;
  prefork::RunningServer server_;
};

}  // namespace

HarnessRow gunicorn_harness() { return row<PreforkHarness>("gunicorn", "gunicorn"); }
HarnessRow uvicorn_harness() { return row<PreforkHarness>("uvicorn", "uvicorn"); }

}  // namespace selfscale::drivers
