#include "model/json/document.hpp"

#include <gtest/gtest.h>

namespace selfscale {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

TEST(Document, WhatIsNotThereReadsAsNothing) {
  const auto read = json::parse(R"({"spec": {"replicas": 3, "name": "web"}})");
  EXPECT_EQ(at(read, "spec", "replicas"), 3);
  EXPECT_TRUE(at(read, "spec", "absent").is_null());
  EXPECT_TRUE(at(read, "spec", "replicas", "deeper").is_null()) << "of a number";
  EXPECT_EQ(text(at(read, "spec", "name")), "web");
  EXPECT_EQ(text(at(read, "spec", "replicas")), "") << "a number is no text";
}

TEST(Document, CountsAreWholeAndFit) {
  EXPECT_EQ(count(json::parse("3")), 3);
  EXPECT_EQ(count(ordered_json::parse("2147483647")), 2147483647);
  EXPECT_EQ(count(json()), std::nullopt);
  EXPECT_EQ(count(json(), 1), 1);
  for (const auto* other : {"-1", "2147483648", "18446744073709551615", "1.5", "\"3\"", "{}"}) {
    EXPECT_EQ(count(json::parse(other), 0), std::nullopt) << other;
  }
}

}  // namespace
}  // namespace selfscale
