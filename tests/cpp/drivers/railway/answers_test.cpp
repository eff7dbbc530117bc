// What Railway's answers mean, where a server that plays it would not answer so.
#include "drivers/railway/answers.hpp"

#include <gtest/gtest.h>

namespace selfscale::drivers::railway {
namespace {

const Target target{"p-1", "e-1", "s-1"};

Json data_with(const Json& regions) {
  return {{"environment",
           {{"projectId", "p-1"},
            {"config", {{"services", {{"s-1", {{"deploy", {{"multiRegionConfig", regions}}}}}}}}}}},
          {"serviceInstance", {{"serviceName", "web"}, {"activeDeployments", Json::array()}}}};
}

TEST(RailwayAnswers, ARegionsOtherSettingsAreSentBackAsTheyCame) {
  const auto service = parse_service(target, data_with({{"us", {{"numReplicas", 2}, {"zone", "b"}}},
                                                        {"eu", {{"zone", "c"}}},
                                                        {"asia", nullptr}}))
                           .value();
  EXPECT_EQ(service.regions, (Regions{{"asia", 0}, {"eu", 0}, {"us", 2}}));
  EXPECT_EQ(with_counts(service, {{"asia", 0}, {"eu", 0}, {"us", 5}}),
            Json({{"us", {{"numReplicas", 5}, {"zone", "b"}}},
                  {"eu", {{"numReplicas", 0}, {"zone", "c"}}}}));
}

TEST(RailwayAnswers, ACountThatIsNoneIsMalformed) {
  for (const auto& count : {Json("2"), Json(-1), Json(2.5), Json(51), Json::object()}) {
    const auto service = parse_service(target, data_with({{"us", {{"numReplicas", count}}}}));
    ASSERT_FALSE(service) << count;
    EXPECT_EQ(service.error().code, Errc::malformed);
    EXPECT_EQ(service.error().message, "multiRegionConfig.us.numReplicas is no count");
  }
}

TEST(RailwayAnswers, WhatIsNotThereIsNamed) {
  const auto words = [](Json data, const char* without) {
    data.erase(without);
    return parse_service(target, data).error().message;
  };
  EXPECT_EQ(words(data_with({}), "environment"), "environment is not there");
  EXPECT_EQ(words(data_with({}), "serviceInstance"), "serviceInstance is not there");
  EXPECT_EQ(parse_project_token(Json::object()).error().code, Errc::malformed);
}

TEST(RailwayAnswers, OfDataBesideARefusalTheRefusalCounts) {
  const auto request = get_service(target);
  const std::string body = R"({"data": {"environment": {}}, "errors": [
    {"message": "first", "path": ["serviceInstance", "region"]}, {"message": "second"}]})";
  const auto answered = parse_answer(request, body).value();
  ASSERT_EQ(answered.refusals.size(), 2U);
  EXPECT_EQ(answered.refusals[0].field, "serviceInstance");
  EXPECT_EQ(answered.refusals[1].field, "");
  EXPECT_EQ(parse_data(request, body).error().message, "POST /graphql/v2 (Service): first");
}

}  // namespace
}  // namespace selfscale::drivers::railway
