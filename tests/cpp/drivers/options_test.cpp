#include "drivers/local/options.hpp"

#include <gtest/gtest.h>

namespace selfscale::drivers::local {
namespace {

using namespace std::chrono_literals;
using Words = std::vector<std::string>;

Result<Options> parse(Words more, Words command = {"app"}) {
  Words all{"--service", "backend", "--max", "4", "--run-dir", "/run/x"};
  all.insert(all.end(), more.begin(), more.end());
  all.emplace_back("--");
  all.insert(all.end(), command.begin(), command.end());
  return parse_options(all);
}

TEST(Options, AreWhatWasGiven) {
  const auto options =
      parse({"--count", "2", "--bind", "[::1]:9000", "--readiness", R"(["test","{port}"])",
             "--grace", "1.5", "--backoff-first", "0.1", "--backoff-most", "5", "--release", "r1",
             "--agent", R"(["python3","-m","agent"])"},
            {"uvicorn", "app:app", "--fd", "{fd}"})
          .value();
  EXPECT_EQ(options.service, "backend");
  EXPECT_EQ(options.most, 4);
  EXPECT_EQ(options.count, 2);
  EXPECT_EQ(options.bind->host, "::1");
  EXPECT_EQ(options.bind->port, 9000);
  EXPECT_EQ(options.readiness, Readiness::command);
  EXPECT_EQ(options.readiness_command, (Words{"test", "{port}"}));
  EXPECT_EQ(options.grace, 1500ms);
  EXPECT_EQ(options.backoff_first, 100ms);
  EXPECT_EQ(options.backoff_most, 5000ms);
  EXPECT_EQ(options.run_directory, "/run/x");
  EXPECT_EQ(options.release, "r1");
  EXPECT_EQ(options.agent, (Words{"python3", "-m", "agent"}));
  EXPECT_EQ(options.command, (Words{"uvicorn", "app:app", "--fd", "{fd}"}));
}

TEST(Options, ASocketIsBoundIfAndOnlyIfTheCommandTakesIt) {
  EXPECT_FALSE(parse({}).value().bind);
  const auto bound = parse({}, {"app", "--fd={fd}"}).value().bind;
  ASSERT_TRUE(bound);
  EXPECT_EQ(bound->host, "127.0.0.1");
  EXPECT_EQ(bound->port, 8000);
}

struct Case {
  const char* name;
  Words arguments;
  Words command;
  const char* says;
};

class WrongOptions : public testing::TestWithParam<Case> {};

TEST_P(WrongOptions, AreRefusedInASentence) {
  const auto result = parse(GetParam().arguments, GetParam().command);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::invalid_argument);
  EXPECT_NE(result.error().message.find(GetParam().says), std::string::npos)
      << result.error().message;
}
INSTANTIATE_TEST_SUITE_P(
    Table, WrongOptions,
    testing::Values(
        Case{"PortWithoutSocket", {}, {"app", "{port}"}, "the command has no {fd}"},
        Case{"PortInCheckWithoutSocket", {"--readiness", R"(["t","{port}"])"}, {"app"}, "no {fd}"},
        Case{"UnknownPlaceholder", {}, {"app", "--fd", "{fdd}"}, "{fdd} stands for nothing here"},
        Case{
            "PlaceholderInCapitals", {}, {"app", "--fd={FD}"}, "there are {fd}, {port} and {slot}"},
        Case{"UnknownPlaceholderInCheck",
             {"--readiness", R"(["curl","http://h:{prt}/"])"},
             {"app", "{fd}"},
             "{prt} stands for nothing here"},
        Case{"BindWithoutSocket", {"--bind", "h:1"}, {"app"}, "nobody would accept"},
        Case{"PortReadinessWithoutSocket", {"--readiness", "port"}, {"app"}, "no port to ask"},
        Case{"BindWithoutPort", {"--bind", "localhost"}, {"{fd}"}, "HOST:PORT"},
        Case{"BindWithHugePort", {"--bind", "h:70000"}, {"{fd}"}, "0 to 65535"},
        Case{"BareIpv6", {"--bind", "::1:80"}, {"{fd}"}, "brackets"},
        Case{"CountAboveMost", {"--count", "5"}, {"app"}, "more than --max 4"},
        Case{"CountNoNumber", {"--count", "2x"}, {"app"}, "a whole number from 0"},
        Case{"NegativeGrace", {"--grace", "-1"}, {"app"}, "seconds from 0"},
        Case{"NanGrace", {"--grace", "nan"}, {"app"}, "seconds from 0"},
        Case{"BackoffTurnedRound",
             {"--backoff-first", "9", "--backoff-most", "1"},
             {"app"},
             "longer"},
        Case{"AgentNoList", {"--agent", "python"}, {"app"}, "JSON array"},
        Case{"AgentOfNumbers", {"--agent", "[1]"}, {"app"}, "JSON array"},
        Case{"ReadinessUnknown", {"--readiness", "soon"}, {"app"}, "report, port, or a command"},
        Case{"UnknownOption", {"--colour", "red"}, {"app"}, "no option is called --colour"},
        Case{"NoCommand", {}, {}, "the workers' command is missing"}),
    [](const auto& info) { return info.param.name; });

TEST(Options, BracesOfTheCommandsOwnAreLeftAlone) {
  for (const Words& command :
       {Words{"sh", "-c", "echo {other} ${HOME}"}, Words{"app", "${HOME}/x"}, Words{"app", "{}"},
        Words{"app", R"({"a":1})"}, Words{"app", "{a,b}"}, Words{"app", "{{name}}"},
        Words{"curl", "-w%{http_code}"}, Words{"app", "{slot"}}) {
    EXPECT_TRUE(parse({}, command)) << command.back();
  }
}

TEST(Options, ServersThatWouldOpenOnePortAreWarnedOf) {
  const auto warning = [](const Words& command, const Words& more = {}) {
    return warning_of_one_port(parse(more, command).value());
  };
  for (const Words& command :
       {Words{"/venv/bin/uvicorn", "app:app"}, Words{"python", "-m", "http.server"},
        Words{"sh", "-c", "exec gunicorn app:app"}, Words{"node", "server.js", "--port=80"}}) {
    EXPECT_NE(warning(command).find("up to 4 workers would open one port"), std::string::npos)
        << command.back();
  }
  for (const Words& command :
       {Words{"uvicorn", "app:app", "--fd", "{fd}"}, Words{"uvicorn", "--port", "80{slot}"},
        Words{"gunicorn", "--reuse-port", "app"}, Words{"celery", "worker"}, Words{"sleep", "9"}}) {
    EXPECT_EQ(warning(command), "") << command.back();
  }
  EXPECT_EQ(warning({"uvicorn", "app:app"}, {"--max", "1"}), "") << "there is one worker at most";
}

TEST(Options, WhatIsMissingIsNamed) {
  const auto message = [](const Words& all) { return parse_options(all).error().message; };
  EXPECT_NE(message({"--max", "1", "--run-dir", "d", "--", "x"}).find("--service"),
            std::string::npos);
  EXPECT_NE(message({"--service", "s", "--run-dir", "d", "--", "x"}).find("--max"),
            std::string::npos);
  EXPECT_NE(message({"--service", "s", "--max", "1", "--", "x"}).find("--run-dir"),
            std::string::npos);
  EXPECT_NE(message({"--service"}).find("without a value"), std::string::npos);
}

TEST(Options, PlaceholdersAreFilledInEverywhere) {
  EXPECT_EQ(
      fill_in({"{slot}-{slot}", "http://h:{port}/", "--fd", "{fd}", "{other}"}, {3, 8000, 12}),
      (Words{"12-12", "http://h:8000/", "--fd", "3", "{other}"}));
}

}  // namespace
}  // namespace selfscale::drivers::local
