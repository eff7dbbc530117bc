#include "http/server.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <filesystem>
#include <fstream>
#include <future>
#include <optional>
#include <random>
#include <thread>

#include "http/socket_client.hpp"
#include "text_predicates.hpp"

namespace selfscale::http {
namespace {

namespace asio = boost::asio;

/// Says back what it was asked.
asio::awaitable<Response> echo(Request request) {
  Response response;
  response.body = request.method + " " + request.target + " " + request.body;
  co_return response;
}

std::string get(const std::string& target, const std::string& more = {}) {
  return "GET " + target + " HTTP/1.1\r\nHost: selfscale\r\n" + more + "\r\n";
}

std::string post(const std::string& target, const std::string& body) {
  return "POST " + target +
         " HTTP/1.1\r\nHost: selfscale\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

class HttpServer : public testing::Test {
 protected:
  HttpServer() {
    std::string name = "/tmp/selfscale-http-XXXXXX";
    directory_ = ::mkdtemp(name.data());
    path_ = directory_ + "/agent.sock";
  }

  void TearDown() override {
    if (thread_.joinable()) {
      asio::post(io_, [this] { server_.reset(); });
      work_.reset();
      thread_.join();
    }
    server_.reset();
    std::filesystem::remove_all(directory_);
  }

  void serve(Handler handler = echo, Limits limits = {}) {
    server_ = Server::listen(io_, path_, std::move(handler), limits).value();
    thread_ = std::thread{[this] { io_.run(); }};
  }

  void stop() {
    std::promise<void> done;
    asio::post(io_, [&] {
      server_->stop();
      done.set_value();
    });
    done.get_future().wait();
  }

  std::string ask(const std::string& request) {
    SocketClient client{path_};
    client.send(request);
    return client.answer();
  }

  std::string directory_;
  std::string path_;
  asio::io_context io_;
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_{
      asio::make_work_guard(io_)};
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

TEST_F(HttpServer, HandsOnWhatWasAsked) {
  serve([](Request request) -> asio::awaitable<Response> {
    Response response;
    response.status = 202;
    response.content_type = "text/plain";
    response.body = request.method + "|" + request.target + "|" + request.body;
    for (const auto& [name, value] : request.headers) {
      if (name == "X-Who") response.body += "|" + value;
    }
    co_return response;
  });
  const auto answer =
      ask("POST /a%20b?c=d HTTP/1.1\r\nHost: x\r\nX-Who: me\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_PRED2(starts_with, answer, "HTTP/1.1 202 Accepted\r\n");
  EXPECT_PRED2(contains, answer, "Content-Type: text/plain\r\n");
  EXPECT_PRED2(contains, answer, "\r\n\r\nPOST|/a%20b?c=d|hi|me");
}

TEST_F(HttpServer, KeepsTheConnectionForTheNextRequest) {
  serve();
  SocketClient client{path_};
  for (const auto* target : {"/one", "/two", "/three"}) {
    client.send(get(target));
    EXPECT_PRED2(contains, client.answer(), std::string{"GET "} + target);
  }
  client.send(get("/last", "Connection: close\r\n"));
  EXPECT_PRED2(contains, client.answer(), "GET /last");
  EXPECT_TRUE(client.is_closed());
}

TEST_F(HttpServer, AnswersRequestsThatCameAtOnceInTheirOrder) {
  serve();
  SocketClient client{path_};
  client.send(get("/one") + get("/two"));
  EXPECT_PRED2(contains, client.answer(), "GET /one");
  EXPECT_PRED2(contains, client.answer(), "GET /two");
}

TEST_F(HttpServer, AnswersHeadWithoutABody) {
  serve();
  SocketClient client{path_};
  client.send("HEAD /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const auto answer = client.answer();
  EXPECT_PRED2(contains, answer, "Content-Length: 8\r\n");  // of "HEAD /x "
  EXPECT_PRED2(ends_with, answer, "\r\n\r\n");
}

TEST_F(HttpServer, ItsSocketIsForThisUserAlone) {
  serve();
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST_F(HttpServer, ServesManyClientsAtOnce) {
  serve();
  constexpr int clients = 16;
  constexpr int requests = 25;
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  threads.reserve(clients);
  for (int i = 0; i < clients; ++i) {
    threads.emplace_back([&, i] {
      SocketClient client{path_};
      for (int j = 0; j < requests; ++j) {
        const auto body = std::to_string(i) + "/" + std::to_string(j);
        client.send(post("/", body));
        if (client.answer().ends_with("POST / " + body)) ++right;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(right, clients * requests);
}

TEST_F(HttpServer, RefusesABodyThatIsTooLarge) {
  Limits limits;
  limits.body_bytes = 100;
  serve(echo, limits);
  EXPECT_PRED2(starts_with, ask(post("/", std::string(100, 'x'))), "HTTP/1.1 200");
  SocketClient client{path_};
  client.send(post("/", std::string(101, 'x')));
  const auto answer = client.answer();
  EXPECT_PRED2(starts_with, answer, "HTTP/1.1 413");
  EXPECT_PRED2(contains, answer, "over 100 bytes");
  EXPECT_TRUE(client.is_closed());
}

TEST_F(HttpServer, RefusesABodyWithoutALengthThatGrowsTooLarge) {
  Limits limits;
  limits.body_bytes = 100;
  serve(echo, limits);
  const auto answer = ask("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
                          std::string{"80\r\n"} + std::string(128, 'x') + "\r\n0\r\n\r\n");
  EXPECT_PRED2(starts_with, answer, "HTTP/1.1 413");
}

TEST_F(HttpServer, RefusesAHeaderThatIsTooLarge) {
  serve();
  const auto answer = ask(get("/", "X-Long: " + std::string(20'000, 'x') + "\r\n"));
  EXPECT_PRED2(starts_with, answer, "HTTP/1.1 431");
  EXPECT_PRED2(contains, answer, "over 16384 bytes");
}

TEST_F(HttpServer, TellsAClientThatSpeaksNoHttp) {
  serve();
  SocketClient client{path_};
  client.send("\x16\x03\x01\x02 this is something else\r\n\r\n");
  EXPECT_PRED2(starts_with, client.answer(), "HTTP/1.1 400");
  EXPECT_TRUE(client.is_closed());
}

TEST_F(HttpServer, TellsAClientThatStoppedHalfWay) {
  serve();
  SocketClient client{path_};
  client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf");
  client.say_no_more();
  EXPECT_PRED2(starts_with, client.answer(), "HTTP/1.1 400");
  EXPECT_TRUE(client.is_closed());
}

TEST_F(HttpServer, SurvivesAnyBytes) {
  serve();
  std::mt19937 random{7};
  const auto whole = post("/x", "{\"a\": 1}");
  for (int round = 0; round < 200; ++round) {
    auto bytes = whole.substr(0, random() % (whole.size() + 1));
    for (unsigned flips = random() % 4; flips > 0 && !bytes.empty(); --flips) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    SocketClient client{path_};
    client.send(bytes);
    client.say_no_more();
    ASSERT_TRUE(client.is_closed()) << "round " << round;
  }
  EXPECT_PRED2(contains, ask(get("/still")), "GET /still");
}

TEST_F(HttpServer, ClosesAConnectionThatSaysNothing) {
  Limits limits;
  limits.idle = std::chrono::milliseconds{20};
  serve(echo, limits);
  SocketClient silent{path_};
  SocketClient halting{path_};
  halting.send("GET / HT");
  EXPECT_TRUE(silent.is_closed());
  EXPECT_TRUE(halting.is_closed());
}

TEST_F(HttpServer, TurnsAwayConnectionsOverTheLimit) {
  Limits limits;
  limits.connections = 2;
  serve(echo, limits);
  SocketClient first{path_};
  SocketClient second{path_};
  first.send(get("/1"));
  second.send(get("/2"));
  EXPECT_PRED2(contains, first.answer(), "GET /1");
  EXPECT_PRED2(contains, second.answer(), "GET /2");
  SocketClient third{path_};
  EXPECT_PRED2(starts_with, third.answer(), "HTTP/1.1 503");
  EXPECT_TRUE(third.is_closed());
  first.send(get("/1", "Connection: close\r\n"));
  EXPECT_TRUE(first.is_closed());
  EXPECT_PRED2(contains, ask(get("/4")), "GET /4");
}

TEST_F(HttpServer, AHandlerThatThrowsIsA500WithoutItsWords) {
  serve([](Request request) -> asio::awaitable<Response> {
    if (request.target == "/secret") throw std::runtime_error{"password is hunter2"};
    co_return Response{};
  });
  SocketClient client{path_};
  client.send(get("/secret"));
  const auto answer = client.answer();
  EXPECT_PRED2(starts_with, answer, "HTTP/1.1 500");
  EXPECT_FALSE(contains(answer, "hunter2"));
  client.send(get("/fine"));
  EXPECT_PRED2(starts_with, client.answer(), "HTTP/1.1 200");
}

TEST_F(HttpServer, GoesOnAfterAClientLeftWithoutItsAnswer) {
  serve([](Request) -> asio::awaitable<Response> {
    Response response;
    response.body.assign(std::size_t{4} * 1024 * 1024, 'x');  // more than a socket's buffer holds
    co_return response;
  });
  {
    SocketClient client{path_};
    client.send(get("/"));
  }
  SocketClient patient{path_};
  patient.send(get("/"));
  EXPECT_GT(patient.answer().size(), 4U * 1024 * 1024);
}

TEST_F(HttpServer, StopClosesWhatIsOpenAndRemovesTheFile) {
  std::promise<void> asked;
  asio::steady_timer never{io_, asio::steady_timer::time_point::max()};
  serve([&](Request request) -> asio::awaitable<Response> {
    if (request.target == "/idle") co_return Response{};
    asked.set_value();
    co_await never.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return Response{};
  });
  SocketClient idle{path_};
  idle.send(get("/idle"));
  EXPECT_PRED2(starts_with, idle.answer(), "HTTP/1.1 200");
  SocketClient waiting{path_};
  waiting.send(get("/waiting"));
  asked.get_future().wait();
  stop();
  EXPECT_TRUE(idle.is_closed());
  EXPECT_EQ(waiting.answer(), "");
  EXPECT_FALSE(SocketClient{path_}.is_connected());
  EXPECT_FALSE(std::filesystem::exists(path_));
  std::promise<void> answered;
  asio::post(io_, [&] {
    never.cancel();
    asio::post(io_, [&] { answered.set_value(); });
  });
  answered.get_future().wait();
}

TEST_F(HttpServer, StopLeavesAFileThatSomebodyElsePutThere) {
  serve();
  std::filesystem::remove(path_);
  std::ofstream{path_} << "not ours";
  stop();
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(HttpServer, MayBeDroppedTogetherWithItsContext) {
  auto io = std::make_unique<asio::io_context>();
  auto server = Server::listen(*io, path_, echo).value();
  SocketClient client{path_};
  client.send("GET / HTTP/1.1\r\n");
  io->poll();
  server.reset();
  io.reset();
  EXPECT_TRUE(client.is_closed());
}

TEST_F(HttpServer, AForkedChildHoldsNoClientBack) {
  serve();
  SocketClient client{path_};
  client.send(get("/"));
  EXPECT_PRED2(starts_with, client.answer(), "HTTP/1.1 200");
  std::array<int, 2> abandoned{};
  std::array<int, 2> end{};
  ASSERT_EQ(::pipe2(abandoned.data(), O_CLOEXEC), 0);
  ASSERT_EQ(::pipe2(end.data(), O_CLOEXEC), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    char byte = 0;
    ::close(end[1]);
    server_->abandon_in_child();
    (void)!::write(abandoned[1], "x", 1);
    (void)!::read(end[0], &byte, 1);  // lives until the test has ended
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(abandoned[0], &byte, 1), 1);
  EXPECT_PRED2(starts_with, ask(get("/")), "HTTP/1.1 200");
  stop();
  EXPECT_TRUE(client.is_closed());
  for (const int descriptor : {abandoned[0], abandoned[1], end[0], end[1]}) ::close(descriptor);
  ::waitpid(child, nullptr, 0);
}

// --- the socket file ---

void bind_and_listen(const std::string& path) {
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), address.sun_path);
  const auto* where = reinterpret_cast<const sockaddr*>(&address);
  if (::bind(descriptor, where, sizeof address) == 0) ::listen(descriptor, 5);
}

/// Leaves a socket file behind whose listener has died; `heir` keeps a copy of the socket open
/// until it can read from `end`.
void leave_socket(const std::string& path, int end = -1) {
  const pid_t child = ::fork();
  if (child == 0) {
    bind_and_listen(path);
    if (end >= 0 && ::fork() == 0) {
      char byte = 0;
      (void)!::read(end, &byte, 1);
    }
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
}

TEST_F(HttpServer, ReplacesASocketThatWasLeftBehind) {
  leave_socket(path_);
  serve();
  EXPECT_PRED2(starts_with, ask(get("/")), "HTTP/1.1 200");
}

TEST_F(HttpServer, ReplacesASocketThatOnlyAnInheritorHoldsOpen) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  leave_socket(path_, ends[0]);
  ASSERT_TRUE(SocketClient{path_}.is_connected());
  serve();
  EXPECT_PRED2(starts_with, ask(get("/")), "HTTP/1.1 200");
  ::close(ends[0]);
  (void)!::write(ends[1], "x", 1);
  ::close(ends[1]);
}

TEST_F(HttpServer, RefusesWhereSomebodyAnswers) {
  serve();
  asio::io_context other;
  const auto second = Server::listen(other, path_, echo);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::conflict);
  EXPECT_PRED2(contains, second.error().message, path_);
  EXPECT_PRED2(starts_with, ask(get("/")), "HTTP/1.1 200");
}

TEST_F(HttpServer, LeavesAFileThatIsNoSocket) {
  std::ofstream{path_} << "a letter";
  const auto server = Server::listen(io_, path_, echo);
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code, Errc::storage);
  EXPECT_PRED2(contains, server.error().message, "not a socket");
  EXPECT_EQ(std::filesystem::file_size(path_), 8U);
}

TEST_F(HttpServer, SaysThatAPathIsTooLong) {
  const auto server = Server::listen(io_, directory_ + "/" + std::string(120, 'x'), echo);
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code, Errc::invalid_argument);
  EXPECT_PRED2(contains, server.error().message, "SELFSCALE_RUN_DIR");
}

TEST_F(HttpServer, SaysThatADirectoryIsMissing) {
  const auto server = Server::listen(io_, directory_ + "/nowhere/agent.sock", echo);
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code, Errc::storage);
  EXPECT_PRED2(contains, server.error().message, "No such file or directory");
}

}  // namespace
}  // namespace selfscale::http
