#include "fleet/redis_replies.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace selfscale::fleet {
namespace {

using Values = std::vector<std::string>;

/// What a server that sends all at once is understood as; a failure where it is not.
std::vector<Reply> read(std::string_view bytes) {
  Replies replies;
  EXPECT_TRUE(replies.take(bytes)) << bytes;
  return replies.all();
}

bool is_refused(std::string_view bytes) {
  Replies replies;
  return !replies.take(bytes);
}

TEST(RedisReplies, AreTheValuesOfAnAnswerInTheirOrder) {
  const auto replies =
      read("%2\r\n+server\r\n+redis\r\n+modules\r\n*0\r\n+OK\r\n*2\r\n$1\r\n1\r\n$3\r\na\r\n\r\n");
  ASSERT_EQ(replies.size(), 3U);
  EXPECT_EQ(replies[0].values, (Values{"server", "redis", "modules"}));
  EXPECT_EQ(replies[1].values, Values{"OK"});
  EXPECT_EQ(replies[2].values, (Values{"1", "a\r\n"}));
}

TEST(RedisReplies, OfEachKindAreRead) {
  const auto replies = read(
      "*8\r\n:-3\r\n,1.5\r\n#t\r\n(123\r\n_\r\n=7\r\ntxt:abc\r\n~1\r\n+in\r\n>1\r\n$0\r\n\r\n");
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies[0].values, (Values{"-3", "1.5", "t", "123", "", "txt:abc", "in", ""}));
}

TEST(RedisReplies, AreWithoutTheAttributesThatStandBeforeThem) {
  const auto replies = read(
      "|1\r\n+ttl\r\n*2\r\n:1\r\n-ERR x\r\n+OK\r\n"
      "*2\r\n|1\r\n+k\r\n|1\r\n+in\r\n+it\r\n+v\r\n:1\r\n|0\r\n:2\r\n");
  ASSERT_EQ(replies.size(), 2U);
  EXPECT_EQ(replies[0].values, Values{"OK"});
  EXPECT_EQ(replies[0].error, "");
  EXPECT_EQ(replies[1].values, (Values{"1", "2"}));
}

TEST(RedisReplies, AreNotWhatAServerSaysUnasked) {
  const auto replies =
      read(">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n:1\r\n>0\r\n>1\r\n-ERR x\r\n-ERR y\r\n");
  ASSERT_EQ(replies.size(), 2U);
  EXPECT_EQ(replies[0].values, Values{"1"});
  EXPECT_EQ(replies[0].error, "");
  EXPECT_EQ(replies[1].error, "ERR y");
}

TEST(RedisReplies, OfAServerThatRefusesAreItsWords) {
  const auto replies = read("-NOAUTH no\r\n!9\r\nERR a\r\nb!\r\n");
  ASSERT_EQ(replies.size(), 2U);
  EXPECT_EQ(replies[0].error, "NOAUTH no");
  EXPECT_EQ(replies[1].error, "ERR a\r\nb!");
}

TEST(RedisReplies, AreTheSameInWhateverPiecesTheyCome) {
  const std::string bytes =
      "+OK\r\n*2\r\n$4\r\n\r\n\r\n\r\n|1\r\n+k\r\n:1\r\n>1\r\n+p\r\n-ERR x\r\n";
  const auto whole = read(bytes);
  ASSERT_EQ(whole.size(), 3U);
  Replies replies;
  for (const char one : bytes) ASSERT_TRUE(replies.take({&one, 1}));
  ASSERT_EQ(replies.all().size(), whole.size());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    EXPECT_EQ(replies.all()[i].values, whole[i].values);
    EXPECT_EQ(replies.all()[i].error, whole[i].error);
  }
}

TEST(RedisReplies, ThatAreNoRespAreRefused) {
  for (const auto* const bytes : {"\r\n",
                                  "HTTP/1.1 400 Bad Request\r\n",
                                  "$\r\n",
                                  "$x\r\n",
                                  "$-1\r\n",
                                  "$1x\r\nab\r\n",
                                  "$2\r\nabc\r\n",
                                  "$18446744073709551615\r\n",
                                  "$18446744073709551614\r\n",
                                  "$99999999999\r\n",
                                  ";0\r\n",
                                  ";1\r\na\r\n",
                                  "$?\r\n;0\r\n",
                                  "*?\r\n",
                                  "*\r\n",
                                  "*-1\r\n",
                                  "*99999999999999999999\r\n",
                                  "%9223372036854775808\r\n",
                                  "-\r\n",
                                  "!0\r\n\r\n"}) {
    EXPECT_TRUE(is_refused(bytes)) << bytes;
  }
}

TEST(RedisReplies, NestedWithoutEndAreRefused) {
  std::string arrays;
  std::string streams;
  for (int i = 0; i < 100; ++i) {
    arrays += "*1\r\n";
    streams += "$?\r\n";
  }
  EXPECT_TRUE(is_refused(arrays));
  EXPECT_TRUE(is_refused(streams));
}

TEST(RedisReplies, WithoutEndAreRefused) {
  EXPECT_TRUE(is_refused("+" + std::string(100'000, 'x')));
  Replies replies;
  const std::string bytes = "$1000000\r\n" + std::string(1'000'000, 'x') + "\r\n";
  int pieces = 0;
  while (replies.take(bytes)) ASSERT_LT(++pieces, 100);
}

}  // namespace
}  // namespace selfscale::fleet
