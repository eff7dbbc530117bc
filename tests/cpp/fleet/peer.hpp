/// A member of a fleet in a process of its own, which does as it is told and may be killed.
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <csignal>
#include <functional>
#include <memory>
#include <selfscale/error.hpp>
#include <string>

#include "fleet/fleet.hpp"
#include "fleet/records.hpp"
#include "fleet/run.hpp"

namespace selfscale::fleet {

class Peer {
 public:
  using Join = std::function<std::unique_ptr<Fleet>(boost::asio::io_context&)>;

  explicit Peer(const Join& join) {
    std::array<int, 2> orders{};
    std::array<int, 2> answers{};
    if (::pipe2(orders.data(), O_CLOEXEC) != 0 || ::pipe2(answers.data(), O_CLOEXEC) != 0) {
      ::abort();
    }
    process_ = ::fork();
    if (process_ == 0) {
      ::close(orders[1]);
      ::close(answers[0]);
      boost::asio::io_context io{1};
      Member{io, join(io)}.serve(orders[0], answers[1]);
      ::_exit(0);
    }
    ::close(orders[0]);
    ::close(answers[1]);
    orders_ = orders[1];
    answers_ = answers[0];
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  ~Peer() {
    kill();
    ::close(orders_);
    ::close(answers_);
  }

  /// "lead", "renew {…}", "switches backend", …; the answer is a word or JSON, or an error's code.
  [[nodiscard]] std::string ask(const std::string& order) const {
    tell(order);
    return hear();
  }
  void tell(const std::string& order) const { write_line(orders_, order); }
  [[nodiscard]] std::string hear() const { return read_line(answers_); }

  /// As the kernel's memory killer does it; returns when the process is gone.
  void kill() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = 0;
  }

 private:
  static void write_line(int descriptor, std::string line) {
    line += '\n';
    if (::write(descriptor, line.data(), line.size()) < 0) ::perror("write");
  }

  /// Empty when the other end is gone.
  static std::string read_line(int descriptor) {
    std::string line;
    for (char letter = 0; ::read(descriptor, &letter, 1) == 1 && letter != '\n';) line += letter;
    return line;
  }

  /// What the process is.
  class Member {
   public:
    Member(boost::asio::io_context& io, std::unique_ptr<Fleet> fleet)
        : io_{io}, fleet_{std::move(fleet)} {}
    void serve(int orders, int answers) {
      for (auto order = read_line(orders); !order.empty(); order = read_line(orders)) {
        const auto first = order.find(' ');
        const auto verb = order.substr(0, first);
        const auto rest = first == std::string::npos ? std::string{} : order.substr(first + 1);
        write_line(answers, obey(verb, rest));
      }
    }

   private:
    static std::string shown(const Failure& failure) { return std::string{name_of(failure.code)}; }
    static std::string shown(const Result<bool>& result) {
      return result ? (*result ? "true" : "false") : shown(result.error());
    }
    static std::string shown(const Result<void>& result) {
      return result ? "done" : shown(result.error());
    }
    static std::string shown(const Result<std::string>& result) {
      return result ? *result : shown(result.error());
    }
    template <class Value>
    static std::string shown(const Result<Value>& result) {
      return result ? to_json(*result) : shown(result.error());
    }

    std::string obey(const std::string& verb, const std::string& rest) {
      const auto space = rest.find(' ');
      const auto service = rest.substr(0, space);
      const auto value = space == std::string::npos ? std::string{} : rest.substr(space + 1);
      if (verb == "lead") return shown(run(io_, fleet_->lead()));
      if (verb == "leader") return shown(run(io_, fleet_->leader()));
      if (verb == "load") return shown(run(io_, fleet_->load()));
      if (verb == "renew") return shown(run(io_, fleet_->renew(lease_from_json(rest).value())));
      if (verb == "switches") return shown(run(io_, fleet_->switches(service)));
      if (verb == "change")
        return shown(run(io_, fleet_->change(service, switches_from_json(value).value())));
      if (verb == "publish") return shown(run(io_, fleet_->publish(service, value)));
      if (verb == "published") return shown(run(io_, fleet_->published(service)));
      if (verb == "count") return count(service, std::stoi(value));
      if (verb == "renew_for_ever") return renew_for_ever();
      if (verb == "resign") {
        run(io_, fleet_->resign());
        return "done";
      }
      return "what is " + verb + "?";
    }

    /// Raises the manual order's number so many times, against others who do the same.
    std::string count(const std::string& service, int times) {
      for (int done = 0; done < times;) {
        auto switches = run(io_, fleet_->switches(service));
        if (!switches) return shown(switches.error());
        switches->manual_serial += 1;
        const auto changed = run(io_, fleet_->change(service, *switches));
        if (changed) ++done;
        if (!changed && !may_be_tried_again(changed.error())) return shown(changed.error());
      }
      return "done";
    }

    /// Others were faster, or kept the lock of a host's files busy: nothing was changed.
    static bool may_be_tried_again(const Failure& error) {
      return error.code == Errc::conflict ||
             error.message.find("is held by another process") != std::string::npos;
    }

    /// Writes states whose two halves agree, until it is killed.
    std::string renew_for_ever() {
      auto record = run(io_, fleet_->load());
      for (int round = 0; record; ++round) {
        const std::string half(static_cast<std::size_t>(round % 7000), 'x');
        record->states = {{"a", half}, {"b", half}};
        const auto renewed = run(io_, fleet_->renew(*record));
        if (!renewed) return shown(renewed.error());
      }
      return shown(record.error());
    }

    boost::asio::io_context& io_;
    std::unique_ptr<Fleet> fleet_;
  };

  pid_t process_ = 0;
  int orders_ = -1;
  int answers_ = -1;
};

}  // namespace selfscale::fleet
