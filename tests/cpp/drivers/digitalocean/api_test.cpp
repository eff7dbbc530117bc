// What DigitalOcean is asked and answers: a spec comes out as it went in.
#include "drivers/digitalocean/api.hpp"

#include <gtest/gtest.h>

namespace selfscale::drivers::digitalocean {
namespace {

const Target target{"4f6c71e2-1e90-4762-9fee-6cc4a0a9f2cf", "web"};

std::string app_with(const std::string& spec) { return R"({"app": {"spec": )" + spec + "}}"; }

std::string scaled(const std::string& spec, int instances) {
  auto app = parse_app(target, app_with(spec));
  return put_spec(target, with_count(target, app.value().spec, instances).value()).call.body;
}

TEST(DigitalOceanSpec, ComesBackAsItWasButForTheOneNumber) {
  EXPECT_EQ(
      scaled(
          R"({"zeta":1,"alpha":[],"services":[{"instance_count":2,"name":"web","new_key":null,)"
          R"("n":9223372036854775807,"u":18446744073709551615,"f":0.1,"e":{},"t":"é\n"}],"b":false})",
          7),
      R"({"spec":{"zeta":1,"alpha":[],"services":[{"instance_count":7,"name":"web","new_key":null,)"
      R"("n":9223372036854775807,"u":18446744073709551615,"f":0.1,"e":{},"t":"é\n"}],"b":false}})");
}

TEST(DigitalOceanSpec, GetsTheCountWhereItHadNone) {
  EXPECT_EQ(parse_app(target, app_with(R"({"workers":[{"name":"web"}]})")).value().desired, 1);
  EXPECT_EQ(scaled(R"({"workers":[{"name":"web"}]})", 3),
            R"({"spec":{"workers":[{"name":"web","instance_count":3}]}})");
}

TEST(DigitalOceanSpec, KeepsSecretsEncrypted) {
  const auto spec =
      R"({"services":[{"name":"web","instance_count":3,"envs":[{"key":"K","type":"SECRET","value":"EV[1:a:b]"}]}]})";
  EXPECT_EQ(scaled(spec, 3), std::string{R"({"spec":)"} + spec + "}");
}

TEST(DigitalOceanSpec, IsNotSentBackWithASecretThatWouldBeLost) {
  for (
      const std::string masked :
      {R"({"envs":[{"key":"K","type":"SECRET","value":"***"}],"services":[{"name":"web"}]})",
       R"({"services":[{"name":"web","envs":[{"key":"K","type":"SECRET","value":"***"}]}]})",
       R"({"services":[{"name":"web"}],"jobs":[{"name":"j","envs":[{"key":"K","type":"SECRET","value":"***"}]}]})"}) {
    const auto app = parse_app(target, app_with(masked));
    const auto changed = with_count(target, app.value().spec, 3);
    ASSERT_FALSE(changed);
    EXPECT_EQ(changed.error().code, Errc::failed);
    EXPECT_NE(changed.error().message.find("the secret K"), std::string::npos);
    EXPECT_EQ(changed.error().message.find("***"), std::string::npos);
  }
}

TEST(DigitalOceanSpec, WithANumberThatWouldChangeIsNotUnderstood) {
  const auto app =
      parse_app(target, app_with(R"({"services":[{"name":"web"}],"n":18446744073709551616})"));
  ASSERT_FALSE(app);
  EXPECT_EQ(app.error().code, Errc::malformed);
}

TEST(DigitalOceanSpec, SaysWhatIsCalledSoAndHasNoCount) {
  const auto other = [](const std::string& spec) {
    const auto app = parse_app(target, app_with(spec));
    EXPECT_EQ(app.error().code, Errc::not_found);
    return app.error().message;
  };
  EXPECT_NE(other(R"({"jobs":[{"name":"web"}]})").find("jobs"), std::string::npos);
  EXPECT_NE(other(R"({"services":[{"name":"api"}]})").find("platform.component"),
            std::string::npos);
}

TEST(DigitalOceanAnswers, OfAnotherFormAreMalformed) {
  for (const std::string body :
       {"", "<html>", "[]", "7", R"({"app": 1})", R"({"app": {"spec": []}})",
        R"({"app": {"spec": {"services": [{"name": "web", "instance_count": -1}]}}})",
        R"({"app": {"spec": {"services": [{"name": "web", "instance_count": 4294967296}]}}})",
        R"({"app": {"spec": {"services": [{"name": "web", "instance_count": "2"}]}}})"}) {
    const auto app = parse_app(target, body);
    ASSERT_FALSE(app) << body;
    EXPECT_EQ(app.error().code, Errc::malformed) << body;
  }
  const std::string deep(100'000, '[');
  EXPECT_EQ(parse_app(target, deep).error().code, Errc::malformed);
  EXPECT_EQ(parse_instances(target, "[]").error().code, Errc::malformed);
  EXPECT_EQ(parse_ready(target, "{}").error().code, Errc::malformed);
  EXPECT_EQ(parse_deployment("{}").error().code, Errc::malformed);
  EXPECT_EQ(parse_app(target, R"({"app": {"spec": {"services": [{"name": "web"}]},
                                 "pending_deployment": {"id": "../../droplets"}}})")
                .error()
                .code,
            Errc::malformed);
}

TEST(DigitalOceanAnswers, ADeploymentEndsInOneOfFourWays) {
  using State = Deployment::State;
  const auto state = [](const std::string& phase) {
    return parse_deployment(R"({"deployment": {"phase": ")" + phase + "\"}}").value().state;
  };
  for (const auto* phase :
       {"UNKNOWN", "PENDING_BUILD", "BUILDING", "PENDING_DEPLOY", "DEPLOYING"}) {
    EXPECT_EQ(state(phase), State::under_way) << phase;
  }
  EXPECT_EQ(state("ACTIVE"), State::active);
  EXPECT_EQ(state("ERROR"), State::failed);
  EXPECT_EQ(state("SUPERSEDED"), State::replaced);
  EXPECT_EQ(state("CANCELED"), State::replaced);
}

TEST(DigitalOceanAnswers, AnAppIsKnownByItsUuid) {
  EXPECT_TRUE(is_app_id("4f6c71e2-1e90-4762-9fee-6cc4a0a9f2cf"));
  for (const auto* other : {"", "shop", "4f6c71e2-1e90-4762-9fee-6cc4a0a9f2c/",
                            "4f6c71e2-1e90-4762-9fee-6cc4a0a9f2cf0"}) {
    EXPECT_FALSE(is_app_id(other)) << other;
  }
}

}  // namespace
}  // namespace selfscale::drivers::digitalocean
