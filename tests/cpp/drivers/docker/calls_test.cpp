#include "drivers/docker/calls.hpp"

#include <gtest/gtest.h>

namespace selfscale::drivers::docker {
namespace {

TEST(DockerCalls, NameTheVersionThatTheEngineHas) {
  EXPECT_EQ(version_for("1.41"), "1.41");
  EXPECT_EQ(version_for("1.9"), "1.9") << "as numbers, it is older";
  for (const auto* text :
       {"", "1", "1.", ".41", "1.4.1", "1.41/..", "latest", "1.-1", "1.123456789"}) {
    EXPECT_FALSE(version_for(text)) << text;
  }
}

TEST(DockerCalls, NameNoVersionThatIsNewerThanTheNewestKnown) {
  for (const auto* text : {"1.56", "1.57", "1.100", "2.0", "10.1"}) {
    EXPECT_EQ(version_for(text), "1.56") << text;
  }
}

TEST(DockerCalls, EncodeTheirFilters) {
  EXPECT_EQ(encoded({{"label", {"a=b", "c"}}, {"name", {"x"}}}),
            "%7B%22label%22%3A%5B%22a%3Db%22%2C%22c%22%5D%2C%22name%22%3A%5B%"
            "22x%22%5D%7D");
}

}  // namespace
}  // namespace selfscale::drivers::docker
