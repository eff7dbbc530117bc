#include "drivers/local/protocol.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "text_predicates.hpp"

namespace selfscale::drivers::local {
namespace {

TEST(Protocol, ARequestSurvivesTheWay) {
  const auto observe = parse_request(write_line(Request{1, Observe{}})).value();
  EXPECT_EQ(observe.id, 1);
  EXPECT_TRUE(std::holds_alternative<Observe>(observe.what));
  const auto request =
      parse_request(write_line(Request{2, Scale{4, "7", {"a", "b"}, 9, 6}})).value();
  const auto& scale = std::get<Scale>(request.what);
  EXPECT_EQ(request.id, 2);
  EXPECT_EQ(scale.desired, 4);
  EXPECT_EQ(scale.version, "7");
  EXPECT_EQ(scale.victims, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(scale.token, 9);
  EXPECT_EQ(scale.most, 6);
}

TEST(Protocol, AnAnswerSurvivesTheWay) {
  Report report{3, "2", 8, "broken\n", "full", {"costly"}, {}};
  report.workers.push_back({1, "b-1-1", 4711, State::draining, 1.5, 2, "exit code 3"});
  const auto line = write_line(Answer{5, report});
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const auto answer = parse_answer(line).value();
  const auto& read = std::get<Report>(answer.what);
  EXPECT_EQ(answer.id, 5);
  EXPECT_EQ(read.desired, 3);
  EXPECT_EQ(read.version, "2");
  EXPECT_EQ(read.most, 8);
  EXPECT_EQ(read.failure, "broken\n");
  EXPECT_EQ(read.note, "full");
  EXPECT_EQ(read.warnings, std::vector<std::string>{"costly"});
  ASSERT_EQ(read.workers.size(), 1U);
  EXPECT_EQ(read.workers[0].slot, 1);
  EXPECT_EQ(read.workers[0].instance, "b-1-1");
  EXPECT_EQ(read.workers[0].pid, 4711);
  EXPECT_EQ(read.workers[0].state, State::draining);
  EXPECT_EQ(read.workers[0].started_seconds_ago, 1.5);
  EXPECT_EQ(read.workers[0].restarts, 2);
  EXPECT_EQ(read.workers[0].last_exit, "exit code 3");
}

TEST(Protocol, ARefusalKeepsItsCodeAndWords) {
  const auto answer =
      parse_answer(write_line(Answer{5, Failure{Errc::conflict, "late", {}}})).value();
  const auto& failure = std::get<Failure>(answer.what);
  EXPECT_EQ(failure.code, Errc::conflict);
  EXPECT_EQ(failure.message, "late");
}

TEST(Protocol, WhatIsNoAnswerIsMalformed) {
  const std::string report =
      R"({"id":1,"observation":{"desired":1,"version":"1","most":1,"failure":"","note":"",)";
  const std::string worker = R"({"slot":1,"instance":"a","pid":1,"state":"asleep","started":1,)";
  const std::vector<std::string> lines{
      "",
      "}{",
      "[]",
      "7",
      "{}",
      R"({"id":1})",
      R"({"id":"x","accepted":true})",
      R"({"id":1,"observation":{"desired":-1}})",
      R"({"id":1,"observation":7})",
      report + R"("warnings":[7],"workers":[]}})",
      report + R"("warnings":[],"workers":[)" + worker + R"("restarts":0,"lastExit":""}]}})"};
  for (const auto& line : lines) {
    const auto answer = parse_answer(line);
    ASSERT_FALSE(answer) << line;
    EXPECT_EQ(answer.error().code, Errc::malformed) << line;
  }
}

TEST(Protocol, ANumberThatDoesNotFitIsOutOfRangeAndNoOther) {
  for (
      const auto* line :
      {R"({"id":9223372036854775808,"op":"observe"})",
       R"({"id":1,"op":"scale","desired":2,"version":"","victims":[],"token":18446744073709551615})"}) {
    const auto request = parse_request(line);
    ASSERT_FALSE(request) << line;
    EXPECT_PRED2(ends_with, request.error().message, "is out of range");
  }
  EXPECT_EQ(parse_request(R"({"id":-9223372036854775808,"op":"observe"})")->id,
            std::numeric_limits<std::int64_t>::min());
}

TEST(Protocol, WhatIsNestedDeeplyIsRefusedLikeAnythingElse) {
  const auto depth = longest_line / 2 - 100;
  const auto nest = std::string(depth, '[') + std::string(depth, ']');
  EXPECT_FALSE(parse_request(
      R"({"id":1,"op":"scale","desired":2,"version":"","token":1,"victims":)" + nest + "}"));
  for (const std::string& line :
       {R"({"id":1,"observation":)" + nest + "}", R"({"id":1,"error":)" + nest + "}",
        R"({"id":1,"observation":{"workers":)" + nest + "}}"}) {
    EXPECT_FALSE(parse_answer(line));
  }
}

TEST(Protocol, GarbageNeverThrows) {
  std::mt19937 random{1};
  const auto good = write_line(Request{2, Scale{4, "7", {"a"}, 9, 6}}) +
                    write_line(Answer{5, Report{3, "2", 8, "", "", {"w"}, {WorkerReport{}}}});
  for (int i = 0; i < 20'000; ++i) {
    auto line = good.substr(random() % good.size());
    for (int change = 0; change < 3 && !line.empty(); ++change) {
      line[random() % line.size()] = static_cast<char>(random() % 256);
    }
    EXPECT_NO_THROW({
      (void)parse_request(line);
      (void)parse_answer(line);
    });
  }
}

}  // namespace
}  // namespace selfscale::drivers::local
