#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "drivers/harness_rows.hpp"
#include "drivers/local.hpp"
#include "drivers/supervisor_fixture.hpp"

namespace selfscale::drivers {
namespace {

namespace asio = boost::asio;

/// The real supervisor, with real processes.
class LocalHarness final : public Harness {
 public:
  std::unique_ptr<Driver> make(asio::io_context& io) override {
    if (fault_ == Fault::none || fault_ == Fault::hangs) {
      return local_driver(io, ::dup(running_.descriptor()));
    }
    // A supervisor that is gone, or out of its mind.
    std::array<int, 2> ends{-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    if (fault_ == Fault::garbage) {
      constexpr std::string_view words = "}{ 7\n}{ 7\n";
      EXPECT_GT(::write(ends[1], words.data(), words.size()), 0);
      garbage_ = local::Descriptor{ends[1]};
    } else {
      ::close(ends[1]);
    }
    return local_driver(io, ends[0]);
  }
  int truth() override { return running_.supervisor.observe().desired; }
  void set_truth(int replicas) override { EXPECT_TRUE(running_.supervisor.scale(replicas)); }
  std::optional<Errc> inject(Fault fault) override {
    if (fault == Fault::hangs) running_.supervisor.signal(SIGSTOP);
    if (fault_ == Fault::hangs && fault != Fault::hangs) running_.supervisor.signal(SIGCONT);
    fault_ = fault;
    if (fault == Fault::refuses) return Errc::unreachable;
    if (fault == Fault::hangs) return Errc::timed_out;
    if (fault == Fault::garbage) return Errc::malformed;
    return std::nullopt;
  }
  std::vector<Ailment> ailments() override {
    return {{"without selfscale's middleware",
             [this] {
               EXPECT_TRUE(local::eventually(
                   [this] { return !running_.supervisor.observe().warnings.empty(); }));
             },
             {}},
            {"selfscale run", [] {}, [](asio::io_context& io) { return local_driver(io, -1); }}};
  }

 private:
  struct Running {
    local::RunningSupervisor supervisor{local::options_of(2, 8)};
    local::Descriptor stream{supervisor.take_stream()};
    [[nodiscard]] int descriptor() const { return stream.get(); }
  };
  Running running_;
  Fault fault_ = Fault::none;
  local::Descriptor garbage_;
};

}  // namespace

HarnessRow local_harness() { return row<LocalHarness>("local"); }

}  // namespace selfscale::drivers
