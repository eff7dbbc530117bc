/// A real Redis server on loopback, with a password, that may be stopped, killed and started again
/// with what it had.
#pragma once

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "fleet/free_port.hpp"
#include "http/certificates.hpp"

namespace selfscale::fleet {

class RedisServer {
 public:
  /// A password that a URL cannot hold as it is.
  static constexpr auto password = "hunter2/@:secret";

  explicit RedisServer(bool is_secured = false) : is_secured_{is_secured} {
    std::string name = "/tmp/selfscale-redis-XXXXXX";
    folder_ = ::mkdtemp(name.data());
    const auto identity = authority_.issue("IP:127.0.0.1");
    std::ofstream{folder_ + "/ca.pem"} << authority_.certificate();
    std::ofstream{folder_ + "/cert.pem"} << identity.certificate;
    std::ofstream{folder_ + "/key.pem"} << identity.key;
    start();
  }
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;
  ~RedisServer() {
    kill();
    std::filesystem::remove_all(folder_);
  }

  [[nodiscard]] std::string url(const std::string& password = "hunter2%2F%40%3asecret") const {
    const std::string scheme = is_secured_ ? "rediss" : "redis";
    return scheme + "://:" + password + "@127.0.0.1:" + std::to_string(port_) + "/3" +
           (is_secured_ ? "?ssl_ca_certs=" + folder_ + "/ca.pem" : "");
  }
  /// What redis-cli answers.
  void command(const std::string& words) const {
    const auto line = "redis-cli --no-auth-warning -n 3 -a '" + std::string{password} + "' -p " +
                      std::to_string(port_) + " " + words + " >/dev/null";
    if (std::system(line.c_str()) != 0) throw std::runtime_error{"redis-cli " + words};
  }

  void freeze() const { ::kill(process_, SIGSTOP); }
  void thaw() const { ::kill(process_, SIGCONT); }
  void kill() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = 0;
  }
  /// Returns once it serves; keeps its port, if it had one.
  void start() {
    for (int attempt = 0; attempt < 20; ++attempt) {
      if (port_ == 0) port_ = free_port();
      if (serves()) return;
      kill();
      port_ = 0;
    }
    throw std::runtime_error{"redis-server does not start: apt-get install redis-server"};
  }

 private:
  [[nodiscard]] std::vector<std::string> arguments() const {
    std::vector<std::string> all{"redis-server",
                                 "--bind",
                                 "127.0.0.1",
                                 "--dir",
                                 folder_,
                                 "--requirepass",
                                 password,
                                 "--save",
                                 "",
                                 "--appendonly",
                                 "yes",
                                 "--appendfsync",
                                 "always",
                                 "--daemonize",
                                 "no",
                                 "--loglevel",
                                 "notice",
                                 "--port",
                                 std::to_string(is_secured_ ? 0 : port_)};
    if (is_secured_) {
      for (const auto& each :
           {std::string{"--tls-port"}, std::to_string(port_), std::string{"--tls-cert-file"},
            folder_ + "/cert.pem", std::string{"--tls-key-file"}, folder_ + "/key.pem",
            std::string{"--tls-ca-cert-file"}, folder_ + "/ca.pem",
            std::string{"--tls-auth-clients"}, std::string{"no"}}) {
        all.push_back(each);
      }
    }
    return all;
  }

  bool serves() {
    std::array<int, 2> log{};
    if (::pipe2(log.data(), O_CLOEXEC) != 0) ::abort();
    auto words = arguments();
    std::vector<char*> pointers;
    for (auto& each : words) pointers.push_back(each.data());
    pointers.push_back(nullptr);
    process_ = ::fork();
    if (process_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::dup2(log[1], STDOUT_FILENO);
      ::execvp("redis-server", pointers.data());
      ::_exit(127);
    }
    ::close(log[1]);
    std::string said;
    std::array<char, 512> bytes{};
    while (said.find("eady to accept connections") == std::string::npos) {
      const auto got = ::read(log[0], bytes.data(), bytes.size());
      if (got <= 0) break;
      said.append(bytes.data(), static_cast<std::size_t>(got));
    }
    logs_.push_back(log[0]);  // stays open: whoever writes to a closed one is killed
    return said.find("eady to accept connections") != std::string::npos;
  }

  bool is_secured_;
  http::Authority authority_{"the tests"};
  std::string folder_;
  std::uint16_t port_ = 0;
  pid_t process_ = 0;
  std::vector<int> logs_;
};

}  // namespace selfscale::fleet
