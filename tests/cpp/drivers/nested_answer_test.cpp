// Answers that are nested deeper than the stack, where a driver copies what it was answered.
#include <gtest/gtest.h>

#include <string>

#include "drivers/compose/api.hpp"
#include "drivers/kubernetes/autoscalers.hpp"
#include "drivers/swarm/api.hpp"

namespace selfscale::drivers {
namespace {

std::string nest() {
  constexpr std::size_t depth = 500'000;
  return std::string(depth, '[') + std::string(depth, ']');
}

const kubernetes::Target web{kubernetes::Kind::deployment, "shop", "web"};

/// Of web, with these members of its own.
std::string item(const std::string& metadata, const std::string& spec) {
  return R"({"items": [{"metadata": {"name": "a")" + metadata +
         R"(}, "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", )"
         R"("name": "web"})" +
         spec + "}}]";
}

TEST(NestedAnswer, OfTheKubernetesApiIsMalformed) {
  const auto autoscalers = item("", R"(, "behavior": )" + nest());
  EXPECT_EQ(kubernetes::parse_autoscalers(
                web, autoscalers + R"(, "kind": "HorizontalPodAutoscalerList"})")
                .error()
                .code,
            Errc::malformed);
  const auto objects =
      item(R"(, "annotations": {"autoscaling.keda.sh/paused": )" + nest() + "}", "");
  EXPECT_EQ(kubernetes::parse_scaled_objects(web, objects + R"(, "kind": "ScaledObjectList"})")
                .error()
                .code,
            Errc::malformed);
}

TEST(NestedAnswer, InAnAutoscalersAnnotationIsNoTakeover) {
  const auto list =
      item(R"(, "annotations": {"selfscale/taken-over": "{\"behavior\": )" + nest() + R"(}"})", "");
  const auto found =
      kubernetes::parse_autoscalers(web, list + R"(, "kind": "HorizontalPodAutoscalerList"})");
  ASSERT_TRUE(found);
  ASSERT_EQ(found->on_target.size(), 1U);
  EXPECT_FALSE(found->on_target[0].is_taken_over());
}

TEST(NestedAnswer, OfADockerEngineIsMalformed) {
  const auto service =
      R"({"Version": {"Index": 7}, "Spec": {"Name": "web", "Mode": {"Replicated": )"
      R"({"Replicas": 2}}, "Labels": )" +
      nest() + "}}";
  EXPECT_EQ(swarm::set_replicas("web", service, 3).error().code, Errc::malformed);
  const auto container =
      R"({"Id": "0123456789abcdef", "Name": "/shop_web_1", "Config": {"Labels": )"
      R"({"com.docker.compose.container-number": "1"}}, "HostConfig": {"x": )" +
      nest() + "}}";
  EXPECT_EQ(compose::copy_of(container, 2).error().code, Errc::malformed);
}

}  // namespace
}  // namespace selfscale::drivers
