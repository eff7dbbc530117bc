#include "drivers/prefork/server_fixture.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <functional>
#include <thread>

#include "drivers/local/process.hpp"
#include "drivers/prefork/facts.hpp"
#include "places.hpp"

namespace selfscale::drivers::prefork {
namespace {

void write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream{path} << text;
}

std::filesystem::path new_folder() {
  auto path = (std::filesystem::temp_directory_path() / "prefork-XXXXXX").string();
  EXPECT_NE(::mkdtemp(path.data()), nullptr);
  return path;
}

void wait_until(const std::function<bool()>& condition) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  while (!condition() && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds{2});
  }
  EXPECT_TRUE(condition());
}

}  // namespace

RunningServer::RunningServer(const std::string& kind, int workers) : folder_{new_folder()} {
  write(folder_ / "wanted", std::to_string(workers));
  local::Launch launch;
  launch.command = {python_program(), in_repository("tests/cpp/drivers/prefork/prefork_server.py"),
                    kind, folder_.string()};
  launch.environment = local::environment({}, {});
  const auto started = local::launch(launch);
  EXPECT_TRUE(started) << started.error().message;
  if (!started) return;
  pid_ = *started;
  write_pid_file(std::to_string(pid_) + "\n");
  wait_until(
      [&] { return count() == workers && static_cast<int>(children_of(pid_).size()) == workers; });
}

RunningServer::~RunningServer() {
  if (pid_ > 0) {
    ::kill(-pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string RunningServer::platform() const { return R"({"pidFile": ")" + pid_file() + R"("})"; }

int RunningServer::count() const {
  int count = -1;
  std::ifstream{folder_ / "count"} >> count;
  return count;
}

void RunningServer::set_count(int workers) {
  write(folder_ / "wanted", std::to_string(workers));
  signal(SIGUSR1);
  wait_until([&] { return count() == workers; });
}

void RunningServer::signal(int number) const { EXPECT_EQ(::kill(pid_, number), 0); }

void RunningServer::stop() const {
  signal(SIGSTOP);
  wait_until([&] {
    const auto now = look_at(pid_);
    return now && now->is_stopped;
  });
}

void RunningServer::keep_busy(bool is_busy) const { mark("busy", is_busy); }

void RunningServer::keep_late(bool is_late) const { mark("late", is_late); }

void RunningServer::mark(const char* name, bool is_set) const {
  if (is_set) return write(folder_ / name, "");
  std::filesystem::remove(folder_ / name);
}

void RunningServer::write_pid_file(const std::string& text) const { write(pid_file(), text); }

}  // namespace selfscale::drivers::prefork
