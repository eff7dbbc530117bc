// Whatever stands against acting comes with what is wrong, why it matters and what mends it.
#include <algorithm>

#include "drivers/conformance.hpp"
#include "drivers/preflight_fixture.hpp"

namespace selfscale::drivers {
namespace {

namespace asio = boost::asio;

void expect_whole(const Finding& found) {
  EXPECT_NE(found.what, "");
  EXPECT_NE(found.why, "") << "of: " << found.what;
  EXPECT_NE(found.paste, "") << "of: " << found.what;
}

/// All that a look says, wrong or not, and what it says once it knows how long work takes.
std::vector<Finding> all_found_by(asio::io_context& io, Driver& driver) {
  auto found = found_by(io, driver);
  auto all = std::move(found.wrong);
  std::ranges::move(found.warnings, std::back_inserter(all));
  const LongestWork long_work{"response_time", 86'400.0};
  for (auto& more : {driver.against_fewer(long_work), driver.cut_off_by_fewer(long_work)}) {
    if (more) all.push_back(*more);
  }
  return all;
}

class EachFinding : public testing::TestWithParam<HarnessRow> {
 protected:
  asio::io_context io;
  std::unique_ptr<Harness> platform = GetParam().make();
};

TEST_P(EachFinding, OfAHealthyPlatformIsWhole) {
  for (const auto& each : all_found_by(io, *platform->make(io))) expect_whole(each);
}

TEST_P(EachFinding, OfAnAilmentIsWhole) {
  for (std::size_t at = 0; at < platform->ailments().size(); ++at) {
    const auto one = GetParam().make();
    const auto ailment = one->ailments()[at];
    SCOPED_TRACE(ailment.words);
    ailment.befall();
    const auto driver = ailment.make ? ailment.make(io) : one->make(io);
    const auto all = all_found_by(io, *driver);
    EXPECT_TRUE(std::ranges::any_of(all,
                                    [&ailment](const Finding& each) {
                                      return each.what.find(ailment.words) != std::string::npos;
                                    }))
        << "is not found: " << (all.empty() ? "" : all[0].what);
    for (const auto& each : all) expect_whole(each);
  }
}

TEST_P(EachFinding, OfAPlatformThatFailsIsWhole) {
  for (const auto fault : {Fault::refuses, Fault::denies, Fault::garbage}) {
    if (!platform->inject(fault)) continue;
    for (const auto& each : all_found_by(io, *platform->make(io))) expect_whole(each);
  }
}

TEST_P(EachFinding, OfALookThatFailsIsWhole) {
  const auto driver = platform->make(io);
  for (const auto code :
       {Errc::invalid_policy, Errc::invalid_argument, Errc::unreachable, Errc::timed_out,
        Errc::denied, Errc::not_found, Errc::conflict, Errc::throttled, Errc::unsupported,
        Errc::malformed, Errc::stopped, Errc::failed, Errc::storage}) {
    SCOPED_TRACE(name_of(code));
    expect_whole(driver->explain({code, "no", {}}));
    expect_whole(driver->explain({code, "no", "the right to scale"}));
  }
}

INSTANTIATE_TEST_SUITE_P(Every, EachFinding, testing::ValuesIn(every_harness()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace selfscale::drivers
