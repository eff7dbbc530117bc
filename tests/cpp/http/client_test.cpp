// Against real servers on loopback: what a call brings back, and how each way to fail ends.
#include "http/client.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <utility>

#include "http/loopback_server.hpp"
#include "http/server.hpp"
#include "run_coroutine.hpp"
#include "text_predicates.hpp"

namespace selfscale::http {
namespace {

namespace asio = boost::asio;

Call get(std::string target = "/") {
  Call call;
  call.target = std::move(target);
  return call;
}

Call put(std::string body = "{}", std::string target = "/") {
  Call call = get(std::move(target));
  call.method = "PUT";
  call.body = std::move(body);
  return call;
}

Call with_deadline(Call call, Duration deadline) {
  call.deadline = deadline;
  return call;
}

/// Answers every request of a connection by the same text.
LoopbackServer::Script answering(int status, std::string body = {}, std::string headers = {}) {
  return [=](Peer& peer) {
    if (peer.receive()) peer.answer(status, body, headers);
  };
}

/// Reads the request, says this, and closes.
LoopbackServer::Script saying(std::string bytes) {
  return [=](Peer& peer) {
    if (peer.receive()) peer.send(bytes);
  };
}

class HttpClient : public testing::Test {
 protected:
  Result<Answer> ask(const std::string& url, Call call, Tls tls = {}) {
    Client client{io, parse_address(url).value(), std::move(tls)};
    return run(io, client.call(std::move(call)));
  }
  Result<Answer> ask(const LoopbackServer& server, Call call, Tls tls = {}) {
    return ask(server.url(), std::move(call), std::move(tls));
  }
  /// The code that a call fails with.
  Errc code_of(const LoopbackServer& server, Call call, Tls tls = {}) {
    const auto answer = ask(server, std::move(call), std::move(tls));
    EXPECT_FALSE(answer) << answer->status;
    if (answer) return Errc::failed;
    message = answer.error().message;
    return answer.error().code;
  }

  asio::io_context io;
  std::string message;  ///< of the last failure
};

TEST_F(HttpClient, SendsWhatIsAskedAndBringsBackTheAnswer) {
  std::promise<Received> received;
  const LoopbackServer server{[&](Peer& peer) {
    received.set_value(peer.receive().value());
    peer.answer(201, "made", "X-Who: me\r\nX-Who: you\r\n");
  }};
  auto call = put(R"({"a":1})", "/a%20b?c=d");
  call.headers = {{"Content-Type", "application/json"}};
  const auto answer = ask(server.url() + "/prefix", std::move(call));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 201);
  EXPECT_EQ(answer->body, "made");
  EXPECT_EQ(answer->header("x-who"), "me");
  EXPECT_EQ(answer->header("x-whom"), std::nullopt);

  const auto request = received.get_future().get();
  EXPECT_EQ(request.line, "PUT /prefix/a%20b?c=d HTTP/1.1");
  EXPECT_EQ(request.body, R"({"a":1})");
  EXPECT_EQ(request.header("Content-Type"), "application/json");
  EXPECT_EQ(request.header("Host"), "127.0.0.1:" + std::to_string(server.port()));
}

TEST_F(HttpClient, SendsSecretsAsHeaders) {
  std::promise<Received> received;
  const LoopbackServer server{[&](Peer& peer) {
    received.set_value(peer.receive().value());
    peer.answer(200, "");
  }};
  auto call = get();
  call.secrets.emplace_back("Authorization", bearer(Secret{"hunter2"}));
  ASSERT_TRUE(ask(server, std::move(call)));
  EXPECT_EQ(received.get_future().get().header("Authorization"), "Bearer hunter2");
}

TEST_F(HttpClient, SaysTheLengthOfAnEmptyWrite) {
  std::promise<Received> received;
  const LoopbackServer server{[&](Peer& peer) {
    received.set_value(peer.receive().value());
    peer.answer(200, "");
  }};
  ASSERT_TRUE(ask(server, put("")));
  EXPECT_EQ(received.get_future().get().header("Content-Length"), "0");
}

TEST_F(HttpClient, TakesEveryStatusForAnAnswer) {
  for (const int status : {200, 302, 404, 409, 429, 500, 503}) {
    const LoopbackServer server{answering(status, "words")};
    const auto answer = ask(server, put());
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->status, status);
    EXPECT_EQ(answer->body, "words");
  }
}

TEST_F(HttpClient, ReadsABodyInPiecesOrUntilTheEnd) {
  const LoopbackServer pieces{saying(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")};
  EXPECT_EQ(ask(pieces, get())->body, "onetwo");
  const LoopbackServer until_the_end{saying("HTTP/1.1 200 OK\r\n\r\nall of it")};
  EXPECT_EQ(ask(until_the_end, get())->body, "all of it");
}

TEST_F(HttpClient, PassesOverInterimAnswers) {
  const LoopbackServer server{
      saying("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
             "2\r\n\r\nhi")};
  const auto answer = ask(server, get());
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "hi");
}

TEST_F(HttpClient, ExpectsNoBodyAfterHead) {
  const LoopbackServer server{saying("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")};
  auto call = get();
  call.method = "HEAD";
  const auto answer = ask(server, std::move(call));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->body, "");
}

TEST_F(HttpClient, TalksToAUnixSocket) {
  std::string directory = "/tmp/selfscale-client-XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  const auto path = directory + "/engine.sock";
  auto echo = [](Request request) -> asio::awaitable<Response> {
    Response response;
    response.body = request.method + " " + request.target + " " + request.body;
    co_return response;
  };
  {
    const auto server = Server::listen(io, path, echo).value();
    const auto answer = ask("unix:" + path, put("hi", "/services"));
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->body, "PUT /services hi");
  }
  const auto nobody = ask("unix:" + path, get());
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code, Errc::unreachable);
  const auto too_long = ask("unix:/" + std::string(200, 'a'), get());
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().code, Errc::invalid_argument);
  std::filesystem::remove_all(directory);
}

// --- failures

TEST_F(HttpClient, IsUnreachableWhereNobodyListens) {
  const std::string url = "http://127.0.0.1:1";
  for (auto call : {get(), put()}) {
    const auto answer = ask(url, call);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Errc::unreachable);
    EXPECT_PRED2(contains, answer.error().message, "Connection refused");
  }
}

TEST_F(HttpClient, IsUnreachableWhereThereIsNoSuchHost) {
  const auto answer = ask("http://no-such-host.invalid", get());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::unreachable);
  EXPECT_PRED2(contains, answer.error().message, "no-such-host.invalid was not found");
}

TEST_F(HttpClient, FindsAHostByItsName) {
  const LoopbackServer server{answering(200, "hi")};
  const auto answer = ask("http://localhost:" + std::to_string(server.port()), get());
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->body, "hi");
}

TEST_F(HttpClient, SaysOfAResetWriteThatItMayHaveBeenCarriedOut) {
  const LoopbackServer server{[](Peer& peer) {
    peer.receive();
    peer.will_reset();
  }};
  EXPECT_EQ(code_of(server, get()), Errc::unreachable);
  EXPECT_EQ(code_of(server, put()), Errc::timed_out);
  EXPECT_PRED2(contains, message, "may have been carried out");
}

TEST_F(HttpClient, AQueryFailsAsAReadDoesAndIsSentNowhereElse) {
  auto query = put();
  query.method = "POST";
  query.is_query = true;
  const LoopbackServer resetting{[](Peer& peer) {
    peer.receive();
    peer.will_reset();
  }};
  EXPECT_EQ(code_of(resetting, query), Errc::unreachable);
  const LoopbackServer cutting{saying("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart")};
  EXPECT_EQ(code_of(cutting, query), Errc::malformed);
  const LoopbackServer redirecting{[](Peer& peer) {
    peer.receive();
    peer.answer(307, {}, "Location: /other\r\n");
  }};
  const auto answer = ask(redirecting.url(), query);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 307);
}

TEST_F(HttpClient, FailsWhenTheConnectionEndsWithoutAnAnswer) {
  const LoopbackServer server{saying("")};
  EXPECT_EQ(code_of(server, get()), Errc::unreachable);
  EXPECT_PRED2(contains, message, "closed the connection without an answer");
  EXPECT_EQ(code_of(server, put()), Errc::timed_out);
}

TEST_F(HttpClient, FailsWhenTheAnswerIsCutOff) {
  for (const auto* part : {"HTTP/1.1 2", "HTTP/1.1 200 OK\r\nContent-Le",
                           "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart",
                           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\npart"}) {
    SCOPED_TRACE(part);
    const LoopbackServer server{saying(part)};
    EXPECT_EQ(code_of(server, get()), Errc::malformed);
    EXPECT_PRED2(contains, message, "cut off");
    EXPECT_EQ(code_of(server, put()), Errc::timed_out);
  }
}

TEST_F(HttpClient, FailsWhenTheConnectionIsResetWithinTheBody) {
  const LoopbackServer server{[](Peer& peer) {
    peer.receive();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart");
    peer.will_reset();
  }};
  EXPECT_EQ(code_of(server, get()), Errc::unreachable);
  EXPECT_EQ(code_of(server, put()), Errc::timed_out);
}

TEST_F(HttpClient, FailsWhenTheAnswerIsNoHttp) {
  for (const auto* garbage : {"SSH-2.0-OpenSSH_9.2\r\n\r\n", "}{\n\n", "HTTP/1.1 abc OK\r\n\r\n"}) {
    SCOPED_TRACE(garbage);
    const LoopbackServer server{saying(garbage)};
    EXPECT_EQ(code_of(server, get()), Errc::malformed);
    EXPECT_EQ(code_of(server, put()), Errc::timed_out);
  }
}

TEST_F(HttpClient, KeepsItsDeadlineWhileTheHeadersCrawl) {
  const LoopbackServer server{[](Peer& peer) {
    peer.receive();
    peer.send("HTTP/1.1 200 OK\r\nX-Slow: ");
    peer.wait_for_the_end();
  }};
  EXPECT_EQ(code_of(server, with_deadline(get(), Duration{300})), Errc::timed_out);
  EXPECT_PRED2(contains, message, "no answer in time");
  EXPECT_EQ(code_of(server, with_deadline(put(), Duration{300})), Errc::timed_out);
  EXPECT_PRED2(contains, message, "may have been carried out");
}

TEST_F(HttpClient, KeepsItsDeadlineWhileNobodyShakesHands) {
  const LoopbackServer silent{[](Peer& peer) { peer.wait_for_the_end(); }};
  auto call = put();
  call.connect_deadline = Duration{50};
  const auto url = "https://127.0.0.1:" + std::to_string(silent.port());
  const auto answer = ask(url, std::move(call));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::unreachable) << "nothing of the write was sent";
  const auto read = ask(url, with_deadline(get(), Duration{50}));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Errc::timed_out) << "its whole time is over";
}

TEST_F(HttpClient, TakesNoMoreThanItAskedFor) {
  auto call = get();
  call.most_bytes = 4;
  const LoopbackServer fits{answering(200, "four")};
  EXPECT_EQ(ask(fits, call)->body, "four");
  const LoopbackServer announced{answering(200, "fives")};
  EXPECT_EQ(code_of(announced, call), Errc::malformed);
  EXPECT_PRED2(contains, message, "too large");
  const LoopbackServer unannounced{saying("HTTP/1.1 200 OK\r\n\r\nfives")};
  EXPECT_EQ(code_of(unannounced, call), Errc::malformed);
  const LoopbackServer long_head{
      saying("HTTP/1.1 200 OK\r\nX-Long: " + std::string(100'000, 'a') + "\r\n\r\n")};
  EXPECT_EQ(code_of(long_head, get()), Errc::malformed);
}

TEST_F(HttpClient, RefusesACallThatCannotBeSent) {
  const LoopbackServer server{answering(200)};
  Call no_method = get();
  no_method.method = "GET /x HTTP/1.1\r\nX: y\r\n";
  Call no_header = get();
  no_header.headers = {{"X-Who", "me\r\nX-Other: you"}};
  Call no_name = get();
  no_name.headers = {{"X Who", "me"}};
  Call no_secret = get();
  no_secret.secrets.emplace_back("Authorization", bearer(Secret{"hunter2\n"}));
  for (auto call : {get("path"), get("/a b"), get("/a\r\nX: y"), get(""), no_method, no_header,
                    no_name, no_secret}) {
    EXPECT_EQ(code_of(server, call), Errc::invalid_argument);
    EXPECT_FALSE(contains(message, "hunter2"));
  }
  EXPECT_EQ(server.accepted(), 0);
}

TEST_F(HttpClient, ShowsNoSecretAndNoQueryInAFailure) {
  const LoopbackServer server{saying("")};
  auto call = get("/path?token=hunter2");
  call.secrets.emplace_back("Authorization", bearer(Secret{"swordfish"}));
  ASSERT_EQ(code_of(server, std::move(call)), Errc::unreachable);
  EXPECT_PRED2(starts_with, message, "GET " + server.url() + "/path: ");
  EXPECT_FALSE(contains(message, "hunter2") || contains(message, "swordfish"));
}

// --- redirects

/// Redirects "/first" there, and says where it was asked otherwise.
LoopbackServer::Script redirecting(const std::string& there) {
  return [there](Peer& peer) {
    const auto request = peer.receive();
    if (!request) return;
    if (request->target() == "/first") return peer.answer(307, "", "Location: " + there + "\r\n");
    peer.answer(200, request->target());
  };
}

TEST_F(HttpClient, FollowsARedirectOnTheSameServer) {
  const LoopbackServer by_path{redirecting("/second?a=b")};
  EXPECT_EQ(ask(by_path, get("/first"))->body, "/second?a=b");
}

TEST_F(HttpClient, FollowsARedirectByTheWholeAddressOfTheSameServer) {
  std::string own;
  const LoopbackServer server{[&own](Peer& peer) { redirecting(own + "/second#part")(peer); }};
  own = server.url();
  EXPECT_EQ(ask(server, get("/first"))->body, "/second");
}

TEST_F(HttpClient, FollowsNoRedirectToAnotherServer) {
  const LoopbackServer other{answering(200, "stolen")};
  const auto port = std::to_string(other.port());
  for (const auto& there :
       {other.url() + "/first", "https://127.0.0.1:" + port, "//127.0.0.1:" + port + "/",
        "http://localhost:" + port + "/", std::string{"http://user@"}, std::string{"ftp://x/"},
        std::string{"elsewhere"}}) {
    SCOPED_TRACE(there);
    const LoopbackServer server{redirecting(there)};
    EXPECT_EQ(code_of(server, get("/first")), Errc::unsupported);
  }
  EXPECT_EQ(other.accepted(), 0);
}

TEST_F(HttpClient, FollowsNoRedirectOfAWrite) {
  const LoopbackServer server{redirecting("/second")};
  EXPECT_EQ(ask(server, put("{}", "/first"))->status, 307);
  EXPECT_EQ(server.accepted(), 1);
}

TEST_F(HttpClient, FollowsAtMostThreeRedirects) {
  const LoopbackServer server{answering(302, "", "Location: /again\r\n")};
  EXPECT_EQ(code_of(server, get()), Errc::unsupported);
  EXPECT_EQ(server.accepted(), 4);
}

// --- TLS

class HttpClientOverTls : public HttpClient {
 protected:
  LoopbackServer::Secured as(const std::string& names, long days = 1) const {
    return {authority.issue(names, days), {}};
  }
  Tls trusting(const Authority& whom) const {
    Tls tls;
    tls.authorities = whom.certificate();
    return tls;
  }
  const Authority authority{"the authority"};
};

TEST_F(HttpClientOverTls, TrustsTheAuthorityThatItWasGiven) {
  const LoopbackServer server{answering(200, "hi"), as("IP:127.0.0.1")};
  const auto answer = ask(server, get(), trusting(authority));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->body, "hi");
}

TEST_F(HttpClientOverTls, TrustsTheAuthoritiesInAFile) {
  std::string path = "/tmp/selfscale-authorities-XXXXXX";
  ::close(::mkstemp(path.data()));
  std::ofstream{path} << authority.certificate();
  const LoopbackServer server{answering(200, "hi"), as("IP:127.0.0.1")};
  Tls tls;
  tls.authorities_file = path;
  EXPECT_TRUE(ask(server, get(), tls));
  std::filesystem::remove(path);
  EXPECT_EQ(code_of(server, get(), tls), Errc::invalid_argument);
  EXPECT_PRED2(contains, message, path);
}

TEST_F(HttpClientOverTls, ReadsTheFileOfAuthoritiesAgainAfterARefusal) {
  std::string path = "/tmp/selfscale-authorities-XXXXXX";
  ::close(::mkstemp(path.data()));
  std::ofstream{path} << Authority{"the one before"}.certificate();
  const LoopbackServer server{answering(200, "hi"), as("IP:127.0.0.1")};
  Tls tls;
  tls.authorities_file = path;
  Client client{io, parse_address(server.url()).value(), tls};
  EXPECT_EQ(run(io, client.call(get())).error().code, Errc::denied);
  std::ofstream{path} << authority.certificate();
  EXPECT_TRUE(run(io, client.call(get())));
  std::filesystem::remove(path);
}

TEST_F(HttpClientOverTls, RefusesAServerOfAnUnknownAuthority) {
  std::atomic<int> asked{0};
  const LoopbackServer server{[&](Peer& peer) { asked += peer.receive() ? 1 : 0; },
                              as("IP:127.0.0.1")};
  EXPECT_EQ(code_of(server, put(), trusting(Authority{"another"})), Errc::denied);
  EXPECT_PRED2(contains, message, "certificate is not accepted");
  EXPECT_EQ(code_of(server, put()), Errc::denied) << "the system knows no such authority";
  EXPECT_EQ(asked, 0);
}

TEST_F(HttpClientOverTls, RefusesAServerOfAnotherName) {
  const LoopbackServer server{answering(200), as("DNS:elsewhere.example,IP:127.0.0.2")};
  EXPECT_EQ(code_of(server, get(), trusting(authority)), Errc::denied);
  EXPECT_PRED2(contains, message, "IP address mismatch");
  const auto by_name =
      ask("https://localhost:" + std::to_string(server.port()), get(), trusting(authority));
  ASSERT_FALSE(by_name);
  EXPECT_EQ(by_name.error().code, Errc::denied);
  EXPECT_PRED2(contains, by_name.error().message, "hostname mismatch");
}

TEST_F(HttpClientOverTls, RefusesACertificateThatIsOver) {
  const LoopbackServer server{answering(200), as("IP:127.0.0.1", -1)};
  EXPECT_EQ(code_of(server, get(), trusting(authority)), Errc::denied);
  EXPECT_PRED2(contains, message, "expired");
}

TEST_F(HttpClientOverTls, ExpectsTheNameThatItWasGiven) {
  const LoopbackServer server{answering(200, "hi"), as("DNS:api.internal")};
  auto tls = trusting(authority);
  EXPECT_EQ(code_of(server, get(), tls), Errc::denied);
  tls.server_name = "api.internal";
  EXPECT_TRUE(ask(server, get(), tls));
}

TEST_F(HttpClientOverTls, ShowsItsCertificateWhereItHasOne) {
  const Authority clients{"of clients"};
  auto secured = as("IP:127.0.0.1");
  secured.client_authority = clients.certificate();
  const LoopbackServer server{answering(200, "hi"), secured};
  auto tls = trusting(authority);
  EXPECT_EQ(code_of(server, put(), tls), Errc::denied);
  EXPECT_PRED2(contains, message, "does not accept our certificate");

  const auto shown = [&](const Identity& identity) {
    tls.certificate = identity.certificate;
    tls.key = Secret{identity.key};
    return tls;
  };
  EXPECT_EQ(code_of(server, put(), shown(authority.issue("DNS:agent"))), Errc::denied);
  EXPECT_TRUE(ask(server, put(), shown(clients.issue("DNS:agent"))));
}

TEST_F(HttpClientOverTls, SaysWhichOfItsOwnFilesCannotBeUsed) {
  const LoopbackServer server{answering(200), as("IP:127.0.0.1")};
  const auto one = authority.issue("DNS:one");
  const auto other = authority.issue("DNS:other");
  Tls no_certificate = trusting(authority);
  no_certificate.certificate = "no PEM";
  Tls wrong_key = trusting(authority);
  wrong_key.certificate = one.certificate;
  wrong_key.key = Secret{other.key};
  EXPECT_EQ(code_of(server, get(), no_certificate), Errc::invalid_argument);
  EXPECT_PRED2(contains, message, "the client certificate cannot be used");
  EXPECT_EQ(code_of(server, get(), wrong_key), Errc::invalid_argument);
  EXPECT_PRED2(contains, message, "the key of the client certificate cannot be used");
}

TEST_F(HttpClientOverTls, SaysOfAServerWithoutTlsThatItIsMalformed) {
  const LoopbackServer plain{[](Peer& peer) { peer.answer(400, "plain"); }};
  const auto answer = ask("https://127.0.0.1:" + std::to_string(plain.port()), put());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::malformed);
}

TEST_F(HttpClientOverTls, TakesAnAnswerThatEndsWithoutTlsSayingSoForCutOff) {
  const LoopbackServer server{saying("HTTP/1.1 200 OK\r\n\r\nmay go on"), as("IP:127.0.0.1")};
  EXPECT_EQ(code_of(server, get(), trusting(authority)), Errc::malformed);
  EXPECT_PRED2(contains, message, "cut off");
}

TEST_F(HttpClientOverTls, KeepsItsDeadline) {
  const LoopbackServer server{[](Peer& peer) { peer.wait_for_the_end(); }, as("IP:127.0.0.1")};
  EXPECT_EQ(code_of(server, with_deadline(get(), Duration{200}), trusting(authority)),
            Errc::timed_out);
}

// --- the end

/// A call under way to a server that never answers.
class HttpClientUnderWay : public HttpClientOverTls {
 protected:
  void begin(bool is_secured) {
    server.emplace(
        [this](Peer& peer) {
          peer.receive();
          received.set_value();
          peer.wait_for_the_end();
        },
        is_secured ? std::optional{as("IP:127.0.0.1")} : std::nullopt);
    client.emplace(io, parse_address(server->url()).value(), trusting(authority));
    io.restart();
    auto call = put();
    call.deadline = std::chrono::hours{1};
    asio::co_spawn(
        io, client->call(std::move(call)),
        asio::bind_cancellation_slot(
            cancelled.slot(), [this](const std::exception_ptr& error, Result<Answer> answer) {
              EXPECT_FALSE(error);
              ended = answer ? Errc::failed : answer.error().code;
            }));
    auto is_there = received.get_future();
    while (is_there.wait_for(std::chrono::milliseconds{0}) != std::future_status::ready) {
      io.run_one_for(std::chrono::milliseconds{10});
    }
  }
  void expect_stopped() {
    io.run();
    EXPECT_EQ(ended, Errc::stopped);
  }

  std::promise<void> received;
  std::optional<LoopbackServer> server;
  std::optional<Client> client;
  asio::cancellation_signal cancelled;
  std::optional<Errc> ended;
};

TEST_F(HttpClientUnderWay, EndsAtOnceWhenCancelled) {
  for (const bool is_secured : {false, true}) {
    received = {};
    begin(is_secured);
    cancelled.emit(asio::cancellation_type::terminal);
    expect_stopped();
  }
}

TEST_F(HttpClientUnderWay, EndsAtOnceWhenTheClientIsStopped) {
  begin(true);
  client->stop();
  expect_stopped();
  const auto later = run(io, client->call(get()));
  EXPECT_EQ(later.error().code, Errc::stopped);
}

TEST_F(HttpClientUnderWay, EndsAtOnceWhenTheClientIsDestroyed) {
  begin(false);
  client.reset();
  expect_stopped();
}

TEST_F(HttpClient, MayBeDroppedWithItsIoContextInTheMiddleOfACall) {
  std::promise<void> received;
  const LoopbackServer server{[&](Peer& peer) {
    peer.receive();
    received.set_value();
    peer.wait_for_the_end();
  }};
  {
    asio::io_context short_lived;
    Client named{short_lived, parse_address("http://no-such-host.invalid").value()};
    Client caller{short_lived, parse_address(server.url()).value()};
    asio::co_spawn(short_lived, caller.call(get()), asio::detached);
    asio::co_spawn(short_lived, named.call(get()), asio::detached);
    auto is_there = received.get_future();
    while (is_there.wait_for(std::chrono::milliseconds{0}) != std::future_status::ready) {
      short_lived.run_one_for(std::chrono::milliseconds{10});
    }
  }
}

}  // namespace
}  // namespace selfscale::http
