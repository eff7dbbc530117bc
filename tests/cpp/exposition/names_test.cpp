#include "exposition/names.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace selfscale::exposition {
namespace {

TEST(Labels, AreReadFromTheirText) {
  EXPECT_EQ(labels_in(""), Labels{});
  EXPECT_EQ(labels_in("route=/users/{id},method=GET"),
            (Labels{{"method", "GET"}, {"route", "/users/{id}"}}));
}

TEST(Labels, ACommaWithoutANameAfterItBelongsToTheValue) {
  EXPECT_EQ(labels_in("route=/at/{x},{y}/a=b,method=GET"),
            (Labels{{"method", "GET"}, {"route", "/at/{x},{y}/a=b"}}));
  EXPECT_EQ(labels_in("a=1,,b=2"), (Labels{{"a", "1,"}, {"b", "2"}}));
}

TEST(Labels, NamesBecomeValid) {
  EXPECT_EQ(labels_in("queue.name=x"), (Labels{{"queue_name", "x"}}));
  EXPECT_EQ(labels_in("__name__=x"), (Labels{{"_name__", "x"}}));
  EXPECT_EQ(labels_in("le=x"), (Labels{{"exported_le", "x"}}));
  EXPECT_EQ(labels_in("9=x"), (Labels{{"_9", "x"}}));
}

TEST(Labels, ThatComeToOneNameShareIt) {
  EXPECT_EQ(labels_in("a.b=1,a_b=2"), (Labels{{"a_b", "1;2"}}));
}

TEST(Labels, WhatIsNoUtf8IsReplaced) {
  EXPECT_EQ(labels_in("a=b\xFFz"), (Labels{{"a", "b\xEF\xBF\xBDz"}}));
  EXPECT_EQ(labels_in("a=\xC3\xA9"), (Labels{{"a", "\xC3\xA9"}}));
  EXPECT_EQ(labels_in("a=\xED\xA0\x80"), (Labels{{"a", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"}}))
      << "a surrogate";
}

RC_GTEST_PROP(Labels, WhateverTheTextNamesAreValidAndDistinct, (const std::string& text)) {
  const auto labels = labels_in(text);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    RC_ASSERT(!labels[i].name.empty());
    RC_ASSERT(
        labels[i].name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                         "0123456789_") == std::string::npos);
    if (i > 0) RC_ASSERT(labels[i - 1].name < labels[i].name);
  }
}

TEST(FamilyName, LeavesOutTheTotalOfACounter) {
  EXPECT_EQ(family_name("orders_total", metrics::Kind::counter), "orders");
  EXPECT_EQ(family_name("orders", metrics::Kind::counter), "orders");
  EXPECT_EQ(family_name("orders_total", metrics::Kind::gauge), "orders_total");
  EXPECT_EQ(family_name("_total", metrics::Kind::counter), "_total");
}

TEST(FamilyName, BecomesValid) {
  EXPECT_EQ(family_name("job time (s)", metrics::Kind::gauge), "job_time__s_");
  EXPECT_EQ(family_name("5xx", metrics::Kind::counter), "_5xx");
  EXPECT_EQ(family_name("a:b", metrics::Kind::gauge), "a:b");
}

TEST(FamilyName, EndsInItsUnit) {
  EXPECT_EQ(unit_of("job_seconds"), "seconds");
  EXPECT_EQ(unit_of("body_bytes"), "bytes");
  EXPECT_EQ(unit_of("seconds"), "");
  EXPECT_EQ(unit_of("depth"), "");
}

}  // namespace
}  // namespace selfscale::exposition
