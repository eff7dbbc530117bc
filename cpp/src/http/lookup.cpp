#include "http/lookup.hpp"

#include <netdb.h>
#include <pthread.h>
#include <signal.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

namespace selfscale::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

Failure not_found(const std::string& host, const std::string& why) {
  return Failure{Errc::unreachable, "the host " + host + " was not found: " + why, {}};
}

Endpoints endpoints_in(const addrinfo* list, std::uint16_t port) {
  Endpoints all;
  for (const auto* each = list; each != nullptr; each = each->ai_next) {
    tcp::endpoint endpoint;
    if (each->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), each->ai_addr, each->ai_addrlen);
    endpoint.resize(each->ai_addrlen);
    endpoint.port(port);
    all.push_back(endpoint);
  }
  return all;
}

Result<Endpoints> ask_system(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (error != 0) return not_found(host, ::gai_strerror(error));
  auto all = endpoints_in(list, port);
  ::freeaddrinfo(list);
  return all;
}

}  // namespace

/// Shared with the thread that asks, which may outlive the one who wanted to know.
struct Lookup::Question {
  std::mutex mutex;
  asio::io_context* io = nullptr;  ///< under the mutex; null: nobody wants to know any more

  // The control thread's alone.
  std::optional<Result<Endpoints>> answer;
  std::vector<asio::steady_timer*> waiting;

  void wake_all() const {
    for (auto* timer : waiting) timer->cancel();
  }
  void forget() {
    const std::lock_guard guard{mutex};
    io = nullptr;
  }
  static void ask(const std::shared_ptr<Question>& question, const std::string& host,
                  std::uint16_t port);
  static void start(std::shared_ptr<Question> question, std::string host, std::uint16_t port);
};

void Lookup::Question::ask(const std::shared_ptr<Question>& question, const std::string& host,
                           std::uint16_t port) {
  auto answer = ask_system(host, port);
  const std::lock_guard guard{question->mutex};
  if (question->io == nullptr) return;
  asio::post(*question->io, [question, answer = std::move(answer)]() mutable {
    question->answer = std::move(answer);
    question->wake_all();
  });
}

/// Signals are the program's affair: the new thread takes none.
void Lookup::Question::start(std::shared_ptr<Question> question, std::string host,
                             std::uint16_t port) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    std::thread{[question, host = std::move(host), port] { ask(question, host, port); }}.detach();
  } catch (const std::system_error& error) {
    question->answer = Failure{
        Errc::unreachable, std::string{"no thread to look for a host: "} + error.what(), {}};
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Lookup::Lookup(asio::io_context& io, std::string host, std::uint16_t port)
    : io_{io}, host_{std::move(host)}, port_{port} {}

Lookup::~Lookup() { stop(); }

void Lookup::stop() noexcept {
  stopped_ = true;
  if (!question_) return;
  question_->forget();
  question_->wake_all();
}

asio::awaitable<Result<Endpoints>> Lookup::find(Duration deadline) {
  boost::system::error_code is_name;
  const auto address = asio::ip::make_address(host_, is_name);
  if (!is_name) co_return Endpoints{tcp::endpoint{address, port_}};

  if (!question_) {
    question_ = std::make_shared<Question>();
    question_->io = &io_;
    Question::start(question_, host_, port_);
  }
  const auto question = question_;
  if (!question->answer) {
    struct Waiting {
      Waiting(Question& of, asio::io_context& io, Duration longest) : list{of}, timer{io, longest} {
        list.waiting.push_back(&timer);
      }
      Waiting(const Waiting&) = delete;
      ~Waiting() { std::erase(list.waiting, &timer); }
      Question& list;
      asio::steady_timer timer;
    } waiting{*question, io_, deadline};
    co_await waiting.timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  if (stopped_) co_return Failure{Errc::stopped, "stopped", {}};
  if (!question->answer) co_return not_found(host_, "no answer in time");
  if (question_ == question) question_.reset();
  co_return *question->answer;
}

}  // namespace selfscale::http
