#include "drivers/kubernetes/yaml.hpp"

#include <gtest/gtest.h>

#include <string>

#include "text_predicates.hpp"

namespace selfscale::drivers::kubernetes {
namespace {

using Json = nlohmann::json;

TEST(Yaml, IsReadAsJson) {
  const auto read = parse_yaml(R"(# a comment
name: web
flag: true
off: false
none: ~
nothing:
count: 3
quoted: "true"
list:
- one
- {two: 2}
- [three, 'four']
text: |
  first
  second
)");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, Json::parse(R"({"name": "web", "flag": true, "off": false, "none": null,
    "nothing": null, "count": "3", "quoted": "true",
    "list": ["one", {"two": "2"}, ["three", "four"]], "text": "first\nsecond\n"})"));
}

TEST(Yaml, TakesJsonToo) {
  EXPECT_EQ(*parse_yaml(R"({"a": ["b", null], "c": {}})"),
            Json::parse(R"({"a": ["b", null], "c": {}})"));
}

TEST(Yaml, OfAnEmptyFileIsNothing) {
  for (const auto* text : {"", "\n", "# only words\n", "---\n"}) {
    const auto read = parse_yaml(text);
    ASSERT_TRUE(read) << text << read.error().message;
    EXPECT_EQ(*read, nullptr);
  }
}

TEST(Yaml, IsRefusedWithItsLine) {
  struct Row {
    std::string text;
    std::string words;
  };
  for (const auto& row :
       {Row{"a: 1\nb: [1, 2\n", "line 3: "}, Row{"a: 1\na: 2\n", "line 2: the key \"a\""},
        Row{"a: &x 1\nb: *x\n", "line 1: anchors"}, Row{"a: *x\n", "line 1: anchors"},
        Row{"a: 1\n---\nb: 2\n", "line 2: one document"},
        Row{"? [a]\n: b\n", "line 1: a key is a text"}, Row{"a: \"\n", "line "},
        Row{"\tb: 1", "line 1: "}, Row{std::string(40, '['), "line "},
        Row{std::string{"a: \xff"}, "line "}}) {
    const auto refused = parse_yaml(row.text);
    ASSERT_FALSE(refused) << row.text;
    EXPECT_EQ(refused.error().code, Errc::malformed);
    EXPECT_PRED2(starts_with, refused.error().message, row.words);
  }
}

}  // namespace
}  // namespace selfscale::drivers::kubernetes
