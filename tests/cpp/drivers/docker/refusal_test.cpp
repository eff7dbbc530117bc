#include "drivers/docker/refusal.hpp"

#include <gtest/gtest.h>

#include <string>

#include "drivers/docker/calls.hpp"
#include "text_predicates.hpp"

namespace selfscale::drivers::docker {
namespace {

Failure refused(const http::Call& call, int status, const std::string& body) {
  http::Address engine;
  engine.scheme = http::Address::Scheme::unix_socket;
  engine.path = "/run/docker.sock";
  return refusal(engine, call, {status, {}, body});
}

TEST(DockerRefusal, HasTheEnginesWords) {
  const auto failure =
      refused(get("/services/nope"), 404, R"({"message":"service nope not found"})");
  EXPECT_EQ(failure.code, Errc::not_found);
  EXPECT_EQ(failure.message,
            "GET unix:/run/docker.sock/services/nope: 404: service nope not found");
  EXPECT_PRED2(ends_with, refused(get("/info"), 502, "<html>").message, "502");
}

TEST(DockerRefusal, IsAConflictWhereSomebodyHasWrittenMeanwhile) {
  const auto body = R"({"message":"rpc error: code = Unknown desc = update out of sequence"})";
  EXPECT_EQ(refused(post("/services/web/update?version=3"), 500, body).code, Errc::conflict);
  EXPECT_EQ(refused(post("/services/web/update?version=3"), 500, R"({"message":"no"})").code,
            Errc::timed_out);
  EXPECT_EQ(refused(get("/services/web"), 500, R"({"message":"no"})").code, Errc::unreachable);
}

TEST(DockerRefusal, MayBeOfTheVersion) {
  EXPECT_TRUE(is_of_version(refused(
      get("/info"), 400,
      R"({"message":"client version 1.99 is too new. Maximum supported API version is 1.41"})")));
  EXPECT_FALSE(is_of_version(refused(get("/info"), 400, R"({"message":"no"})")));
}

}  // namespace
}  // namespace selfscale::drivers::docker
