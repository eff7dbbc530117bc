#include "fleet/postgres_refusal.hpp"

#include <gtest/gtest.h>

namespace selfscale::fleet {
namespace {

TEST(PostgresRefusal, HasTheCodeOfItsState) {
  const auto refused = refusal_of(
      "connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  28P01: password "
      "authentication failed for user \"app\"\n",
      false);
  EXPECT_EQ(refused.code, Errc::denied);
  EXPECT_EQ(refused.message,
            "connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  password "
            "authentication failed for user \"app\"");
}

TEST(PostgresRefusal, IsTheLineThatHasAState) {
  const auto refused = refusal_of("first\nFATAL:  3D000: no such database\nLOCATION:  x\n", false);
  EXPECT_EQ(refused.code, Errc::not_found);
  EXPECT_EQ(refused.message, "FATAL:  no such database");
}

TEST(PostgresRefusal, WithoutAStateIsKnownByItsWords) {
  EXPECT_EQ(refusal_of("fe_sendauth: no password supplied\n", true).code, Errc::denied);
  EXPECT_EQ(refusal_of("SSL error: certificate verify failed\n", false).code, Errc::denied);
  EXPECT_EQ(refusal_of("received invalid response to SSL negotiation: H\n", false).code,
            Errc::malformed);
  const auto refused = refusal_of("connection refused\n\tIs it running?\n", false);
  EXPECT_EQ(refused.code, Errc::unreachable);
  EXPECT_EQ(refused.message, "connection refused \tIs it running?");
}

TEST(PostgresRefusal, WhatOnlyLooksLikeAStateIsNone) {
  for (const auto* const words :
       {"FATAL:  28P01", "FATAL:  28p01: x", "FATAL:  28P0: x", ":  ", ""}) {
    EXPECT_EQ(refusal_of(words, false).code, Errc::unreachable) << words;
  }
}

}  // namespace
}  // namespace selfscale::fleet
