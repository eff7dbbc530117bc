/// A real PostgreSQL server on loopback, with a password, that may be frozen, stopped and started
/// again with what it had; and a pgbouncer before it.
#pragma once

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "fleet/free_port.hpp"
#include "fleet/server_process.hpp"
#include "http/certificates.hpp"

namespace selfscale::fleet {

class PostgresServer {
 public:
  /// A password that a URL cannot hold as it is.
  static constexpr auto password = "hunter2/@:secret";

  /// `names`: of its certificate ("IP:127.0.0.1"); empty: it has none.
  explicit PostgresServer(const std::string& names = {}) : is_secured_{!names.empty()} {
    std::string name = "/tmp/selfscale-postgres-XXXXXX";
    folder_ = ::mkdtemp(name.data());
    ServerProcess::give_away(folder_);
    write("password", std::string{password} + "\n");
    if (is_secured_) {
      const auto identity = authority_.issue(names);
      write("ca.pem", authority_.certificate());
      write("cert.pem", identity.certificate);
      write("key.pem", identity.key);
    }
    const bool is_made = ServerProcess::succeeds(
        {programs() + "/initdb", "-D", folder_ + "/data", "-A", "scram-sha-256", "-U", "clerk",
         "--pwfile", folder_ + "/password", "-E", "UTF8", "--locale=C", "--no-sync"},
        folder_);
    if (!is_made) throw std::runtime_error{"initdb failed: apt-get install postgresql"};
    start();
  }
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;
  ~PostgresServer() {
    kill();
    std::filesystem::remove_all(folder_);
  }

  [[nodiscard]] std::string url(const std::string& password = "hunter2%2F%40%3asecret",
                                const std::string& user = "clerk") const {
    return "postgresql://" + user + ":" + password + "@127.0.0.1:" + std::to_string(port_) +
           "/postgres";
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string authorities_file() const { return folder_ + "/ca.pem"; }

  /// What psql prints.
  std::string command(const std::string& statement) const {
    const auto line = programs() + "/psql -XqAt '" + url() + "' -c \"" + statement + "\"";
    auto* const printed = ::popen(line.c_str(), "re");
    std::string words;
    std::array<char, 512> bytes{};
    while (std::fgets(bytes.data(), bytes.size(), printed) != nullptr) words += bytes.data();
    if (::pclose(printed) != 0) throw std::runtime_error{"psql " + statement};
    return words.substr(0, words.find_last_not_of('\n') + 1);
  }
  /// How users say who they are from now on: "scram-sha-256", "password".
  void authenticate_by(const std::string& method) const {
    write("data/pg_hba.conf",
          "local all all scram-sha-256\nhost all all 127.0.0.1/32 " + method + "\n");
    process_.signal(SIGHUP);
  }

  void freeze() const { process_.signal(SIGSTOP); }
  void thaw() const { process_.signal(SIGCONT); }
  /// At once, as after a crash.
  void kill() { process_.end(SIGQUIT); }
  /// Returns once it serves; keeps its port, if it had one.
  void start() {
    for (int attempt = 0; attempt < 20; ++attempt) {
      if (port_ == 0) port_ = free_port();
      if (process_.start(arguments(), folder_, "ready to accept connections")) return;
      kill();
      port_ = 0;
    }
    throw std::runtime_error{"postgres does not start: apt-get install postgresql"};
  }

 private:
  /// Debian keeps them beside each other by version; elsewhere they are on the path.
  static std::string programs() {
    std::vector<std::string> all;
    std::error_code ignored;
    for (const auto& each : std::filesystem::directory_iterator{"/usr/lib/postgresql", ignored}) {
      all.push_back(each.path().string() + "/bin");
    }
    return all.empty() ? "/usr/bin" : *std::max_element(all.begin(), all.end());
  }

  [[nodiscard]] std::vector<std::string> arguments() const {
    std::vector<std::string> all{programs() + "/postgres",
                                 "-D",
                                 folder_ + "/data",
                                 "-k",
                                 folder_,
                                 "-p",
                                 std::to_string(port_),
                                 "-c",
                                 "listen_addresses=127.0.0.1",
                                 "-c",
                                 "fsync=off",
                                 "-c",
                                 "log_min_messages=log",
                                 "-c",
                                 "log_min_error_statement=panic"};
    if (is_secured_) {
      all.insert(all.end(), {"-c", "ssl=on", "-c", "ssl_cert_file=" + folder_ + "/cert.pem", "-c",
                             "ssl_key_file=" + folder_ + "/key.pem"});
    }
    return all;
  }

  void write(const std::string& name, const std::string& text) const {
    const auto path = folder_ + "/" + name;
    std::ofstream{path} << text;
    std::filesystem::permissions(
        path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    ServerProcess::give_away(path);
  }

  bool is_secured_;
  http::Authority authority_{"the tests"};
  std::string folder_;
  std::uint16_t port_ = 0;
  ServerProcess process_;
};

/// Gives each statement to one of two connections, as it likes.
class Pgbouncer {
 public:
  explicit Pgbouncer(const PostgresServer& server) {
    std::string name = "/tmp/selfscale-pgbouncer-XXXXXX";
    folder_ = ::mkdtemp(name.data());
    ServerProcess::give_away(folder_);
    write("users", std::string{"\"clerk\" \""} + PostgresServer::password + "\"\n");
    for (int attempt = 0; attempt < 20; ++attempt) {
      port_ = free_port();
      write("ini",
            "[databases]\npostgres = host=127.0.0.1 port=" + std::to_string(server.port()) +
                "\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = " + std::to_string(port_) +
                "\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = " + folder_ +
                "/users\npool_mode = transaction\ndefault_pool_size = 2\n");
      if (process_.start({"/usr/sbin/pgbouncer", folder_ + "/ini"}, folder_, "process up")) return;
      process_.end(SIGKILL);
    }
    throw std::runtime_error{"pgbouncer does not start: apt-get install pgbouncer"};
  }
  Pgbouncer(const Pgbouncer&) = delete;
  Pgbouncer& operator=(const Pgbouncer&) = delete;
  ~Pgbouncer() {
    process_.end(SIGKILL);
    std::filesystem::remove_all(folder_);
  }

  [[nodiscard]] std::string url() const {
    return "postgresql://clerk:hunter2%2F%40%3asecret@127.0.0.1:" + std::to_string(port_) +
           "/postgres";
  }

 private:
  void write(const std::string& name, const std::string& text) const {
    std::ofstream{folder_ + "/" + name} << text;
    ServerProcess::give_away(folder_ + "/" + name);
  }

  std::string folder_;
  std::uint16_t port_ = 0;
  ServerProcess process_;
};

}  // namespace selfscale::fleet
