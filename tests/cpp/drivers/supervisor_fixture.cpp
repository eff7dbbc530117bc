#include "drivers/supervisor_fixture.hpp"

#include <dirent.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include "drivers/local/supervisor.hpp"
#include "segment/segment.hpp"

namespace selfscale::drivers::local {
namespace {

using namespace std::chrono_literals;

std::string whole(const std::string& path) {
  std::ifstream file{path};
  std::ostringstream text;
  text << file.rdbuf();  // the file of a process that ends meanwhile is an empty text
  return text.str();
}

[[noreturn]] void supervise(Options options, Descriptor one, Descriptor other) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is interrupted leaves nothing either
  auto made = Supervisor::make(std::move(options));
  if (!made) {
    std::fprintf(stderr, "%s\n", made.error().message.c_str());
    ::_exit(1);
  }
  made.value()->serve(std::move(one));
  made.value()->serve(std::move(other));
  ::_exit(made.value()->run());
}

std::array<Descriptor, 2> stream_pair() {
  std::array<int, 2> ends{-1, -1};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  return {Descriptor{ends[0]}, Descriptor{ends[1]}};
}

}  // namespace

bool eventually(const std::function<bool()>& is_so) {
  const auto until = std::chrono::steady_clock::now() + 30s;
  while (!is_so()) {
    if (std::chrono::steady_clock::now() > until) return false;
    ::poll(nullptr, 0, 10);
  }
  return true;
}

Directory::Directory() {
  std::string name = (std::filesystem::temp_directory_path() / "selfscale-test-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) ADD_FAILURE() << "no temporary directory";
  path_ = name;
}

Directory::~Directory() { std::filesystem::remove_all(path_); }

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream file{path};
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

Options options_of(int count, int most) {
  Options options;
  options.service = "backend";
  options.count = count;
  options.most = most;
  options.readiness = Readiness::command;
  options.readiness_command = {"true"};
  options.grace = 10'000ms;
  options.backoff_first = 20ms;
  options.backoff_most = 100ms;
  options.command = {"sleep", "1000"};
  return options;
}

RunningSupervisor::RunningSupervisor(Options options)
    : service_{options.service}, release_{options.release} {
  options.run_directory = directory_.path() + "/run";
  auto mine = stream_pair();
  auto drivers = stream_pair();
  pid_ = ::fork();
  if (pid_ == 0) {
    mine[0].close();
    drivers[0].close();
    supervise(std::move(options), std::move(mine[1]), std::move(drivers[1]));
  }
  stream_ = std::move(mine[0]);
  for_driver_ = std::move(drivers[0]);
}

RunningSupervisor::~RunningSupervisor() {
  signal(SIGCONT);
  kill();
  EXPECT_TRUE(eventually([this] { return left_nothing(); }));
  const auto segment = segment::Segment::open(
      {.service = service_, .release = release_, .run_directory = directory_ / "run"});
  if (segment) std::filesystem::remove(segment.value()->path());
}

Report RunningSupervisor::observe() {
  auto said = ask(Observe{});
  if (const auto* failure = std::get_if<Failure>(&said)) ADD_FAILURE() << failure->message;
  auto* report = std::get_if<Report>(&said);
  return report != nullptr ? std::move(*report) : Report{};
}

Result<void> RunningSupervisor::scale(int desired, const std::vector<std::string>& victims) {
  auto said = ask(Scale{desired, {}, victims, 0, {}});
  if (auto* failure = std::get_if<Failure>(&said)) return std::move(*failure);
  return {};
}

bool RunningSupervisor::converges_to(int count) {
  return eventually([this, count] {
    const auto report = observe();
    int ready = 0;
    for (const auto& worker : report.workers) ready += worker.state == State::ready ? 1 : 0;
    return ready == count && static_cast<int>(report.workers.size()) == count;
  });
}

void RunningSupervisor::signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

void RunningSupervisor::kill() {
  if (pid_ <= 0) return;
  last_children_ = children();
  signal(SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

void RunningSupervisor::kill_child(pid_t pid) const {
  const auto status = whole("/proc/" + std::to_string(pid) + "/status");
  const auto parent = "\nPPid:\t" + std::to_string(pid_) + "\n";
  if (status.find(parent) != std::string::npos) ::kill(pid, SIGKILL);
}

int RunningSupervisor::join() {
  int status = 0;
  if (!eventually([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; })) return -2;
  pid_ = 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::set<pid_t> RunningSupervisor::children() const {
  const auto pid = std::to_string(pid_);
  std::ifstream file{"/proc/" + pid + "/task/" + pid + "/children"};
  return {std::istream_iterator<pid_t>{file}, {}};
}

bool RunningSupervisor::hears_a_worker() const {
  const auto segment = segment::Segment::find(
      {.service = service_, .release = release_, .run_directory = directory_ / "run"});
  return segment && std::ranges::any_of(segment->slots(), [](const segment::SlotView& slot) {
           return slot.heartbeat_ms != 0;
         });
}

bool RunningSupervisor::left_nothing() const {
  return living().empty() &&
         std::none_of(last_children_.begin(), last_children_.end(), group_lives);
}

std::vector<pid_t> RunningSupervisor::living() const {
  // The keeper, a mere fork, has no such variable; it is among the last children.
  const std::string mark = "SELFSCALE_RUN_DIR=" + (directory_ / "run");
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc"}) {
    const auto name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (whole(entry.path().string() + "/environ").find(mark) == std::string::npos) continue;
    found.push_back(std::stoi(name));
  }
  return found;
}

std::variant<Report, Accepted, Failure> RunningSupervisor::ask(std::variant<Observe, Scale> what) {
  const auto line = write_line(Request{++last_id_, std::move(what)}) + "\n";
  const auto sent = ::send(stream_.get(), line.data(), line.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(line.size())) return Failure{Errc::unreachable, "not sent", {}};
  for (;;) {
    if (const auto end = received_.find('\n'); end != std::string::npos) {
      auto answer = parse_answer(received_.substr(0, end));
      received_.erase(0, end + 1);
      if (!answer) return answer.error();
      return std::move(answer.value().what);
    }
    pollfd readable{stream_.get(), POLLIN, 0};
    if (::poll(&readable, 1, 30'000) != 1) return Failure{Errc::timed_out, "no answer", {}};
    std::array<char, 4096> piece{};
    const auto size = ::read(stream_.get(), piece.data(), piece.size());
    if (size <= 0) return Failure{Errc::unreachable, "it is gone", {}};
    received_.append(piece.data(), static_cast<std::size_t>(size));
  }
}

}  // namespace selfscale::drivers::local
