#include "drivers/finding.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "drivers/driver.hpp"

namespace selfscale::drivers {
namespace {

TEST(Finding, NamesTheRightThatIsMissing) {
  const auto found = finding_of({Errc::denied, "you may not", "update scale"});
  EXPECT_EQ(found.what, "you may not (missing permission: update scale)");
  EXPECT_EQ(with_permission({Errc::denied, "you may not", {}}), "you may not");
}

TEST(Finding, EveryFailureSaysWhatComesOfIt) {
  for (const auto code : {Errc::unreachable, Errc::timed_out, Errc::throttled, Errc::denied,
                          Errc::not_found, Errc::conflict, Errc::malformed, Errc::failed}) {
    EXPECT_NE(finding_of({code, "no", {}}).why, "") << name_of(code);
  }
}

TEST(Finding, OfADriverThatCannotBeMadeComesWithAPlatformThatDoes) {
  boost::asio::io_context io;
  for (const auto name : names()) {
    const auto found = finding_of_unmade(name, {Errc::invalid_argument, "no", {}});
    EXPECT_EQ(found.what, "no");
    EXPECT_NE(found.why, "");
    const auto line = "{" + found.paste.substr(0, found.paste.find("   #")) + "}";
    const auto platform = nlohmann::json::parse(line)["platform"];
    EXPECT_EQ(platform["driver"], std::string{name});
  }
  EXPECT_NE(finding_of_unmade("racks", {Errc::invalid_argument, "no", {}}).paste, "");
}

}  // namespace
}  // namespace selfscale::drivers
