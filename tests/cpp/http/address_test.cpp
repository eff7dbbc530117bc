#include "http/address.hpp"

#include <gtest/gtest.h>

#include "text_predicates.hpp"

namespace selfscale::http {
namespace {

using Scheme = Address::Scheme;

TEST(AddressText, IsReadWithItsUsualPort) {
  const auto address = parse_address("https://api.example.com").value();
  EXPECT_EQ(address.scheme, Scheme::https);
  EXPECT_EQ(address.host, "api.example.com");
  EXPECT_EQ(address.port, 443);
  EXPECT_EQ(address.prefix, "");
  EXPECT_EQ(parse_address("http://api.example.com").value().port, 80);
}

TEST(AddressText, IsReadWithItsOwnPortAndPrefix) {
  const auto address = parse_address("https://10.0.0.1:6443/k8s/clusters/c-1/").value();
  EXPECT_EQ(address.host, "10.0.0.1");
  EXPECT_EQ(address.port, 6443);
  EXPECT_EQ(address.prefix, "/k8s/clusters/c-1");
}

TEST(AddressText, OfVersionSixHasBrackets) {
  const auto address = parse_address("https://[fd00::1]:6443").value();
  EXPECT_EQ(address.host, "fd00::1");
  EXPECT_EQ(address.port, 6443);
  EXPECT_EQ(host_header(address), "[fd00::1]:6443");
  EXPECT_EQ(host_header(parse_address("https://[fd00::1]").value()), "[fd00::1]");
}

TEST(AddressText, OfAUnixSocketIsItsPath) {
  const auto address = parse_address("unix:/var/run/docker.sock").value();
  EXPECT_EQ(address.scheme, Scheme::unix_socket);
  EXPECT_EQ(address.path, "/var/run/docker.sock");
  EXPECT_EQ(host_header(address), "localhost");
}

TEST(AddressText, ComesBackAsItWas) {
  for (const auto* text :
       {"https://api.example.com", "https://api.example.com:8443/v2", "http://127.0.0.1:8001",
        "https://[::1]:6443", "unix:/var/run/docker.sock"}) {
    EXPECT_EQ(to_text(parse_address(text).value()), text);
  }
  EXPECT_EQ(to_text(parse_address("https://host:443").value()), "https://host");
}

TEST(AddressText, IsRefusedWhenItIsNone) {
  for (const auto* text : {"",
                           "host",
                           "host:80",
                           "ftp://host",
                           "https://",
                           "https:///path",
                           "https://:443",
                           "https://host:",
                           "https://host:0",
                           "https://host:65536",
                           "https://host:80x",
                           "https://[::1",
                           "https://[]:80",
                           "https://[::1]80",
                           "https://::1",
                           "unix:",
                           "unix:socket",
                           "https://host/a?b",
                           "https://host/#a",
                           "https://ho st",
                           "https://host\r\nX: y",
                           "https://h\xc3\xb6st"}) {
    const auto refused = parse_address(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().code, Errc::invalid_argument);
    EXPECT_PRED2(contains, refused.error().message, "unix:/path");
  }
}

TEST(AddressText, IsRefusedWithAPasswordAndDoesNotRepeatIt) {
  const auto refused = parse_address("https://user:hunter2@host/");
  ASSERT_FALSE(refused);
  EXPECT_PRED2(contains, refused.error().message, "no user or password");
  EXPECT_FALSE(contains(refused.error().message, "hunter2"));
}

}  // namespace
}  // namespace selfscale::http
