#include "fleet/records.hpp"

#include <gtest/gtest.h>

#include "text_predicates.hpp"

namespace selfscale::fleet {
namespace {

TEST(FleetRecords, ALeaseReadsAsItWasWritten) {
  LeaseRecord record;
  record.token = (std::int64_t{1} << 62) + 1;
  record.holder = "host/12";
  record.at = Instant{Duration{1'732'272'000'123}};
  record.states = {{"backend", R"({"at": 0.1})"}, {"", ""}};
  record.events = {{"backend", R"({"id": "E"})"}};
  record.carried_out = {{"backend", 3}};
  record.taken_over = {"backend"};
  EXPECT_EQ(lease_from_json(to_json(record)).value(), record);
  EXPECT_EQ(lease_from_json(to_json(LeaseRecord{})).value(), LeaseRecord{});
}

// This text stands on people's disks: it must stay readable.
TEST(FleetRecords, ReadsTheFirstVersion) {
  const auto record = lease_from_json(
      R"({"version":1,"token":7,"holder":"h/1","atMilliseconds":1000,"states":{"a":"{}"},)"
      R"("carriedOut":{"a":2}})");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->token, 7);
  EXPECT_EQ(record->states.at("a"), "{}");
  EXPECT_TRUE(record->events.empty()) << "the key came later";
  EXPECT_TRUE(record->taken_over.empty()) << "the key came later";
  const auto switches = switches_from_json(
      R"({"version":1,"revision":3,"enabled":true,"enabledBy":"cli","dryRun":null,"paused":false,)"
      R"("pausedUntil":null,"manualReplicas":2,"manualSerial":1})");
  ASSERT_TRUE(switches);
  EXPECT_EQ(switches->enabled, true);
  EXPECT_EQ(switches->dry_run, std::nullopt);
  EXPECT_EQ(switches->manual_replicas, 2);
  EXPECT_EQ(switches->enabled_at_wall_seconds, 0.0) << "the key came later";
}

TEST(FleetRecords, SaysWhatItCannotRead) {
  for (const auto* text : {"", "{", "[]", "null", "{}", R"({"version":1})", R"({"version":"1"})",
                           R"({"version":1,"token":"7","holder":"h","atMilliseconds":0,)"
                           R"("states":{},"carriedOut":{}})",
                           R"({"version":1,"token":7.5,"holder":"h","atMilliseconds":0,)"
                           R"("states":{},"carriedOut":{}})",
                           R"({"version":1,"token":7,"holder":"h","atMilliseconds":0,)"
                           R"("states":{},"carriedOut":{"a":1e300}})",
                           R"({"version":4294967297,"token":7,"holder":"h","atMilliseconds":0,)"
                           R"("states":{},"carriedOut":{}})",
                           R"({"version":1,"token":7,"holder":"h","atMilliseconds":0,)"
                           R"("states":{"a":1},"carriedOut":{}})",
                           R"({"version":1,"token":7,"holder":"h","atMilliseconds":0,)"
                           R"("states":{},"events":{"a":1},"carriedOut":{}})",
                           R"({"version":1,"token":7,"holder":"h","atMilliseconds":0,)"
                           R"("states":{},"carriedOut":{},"takenOver":[1]})"}) {
    const auto record = lease_from_json(text);
    ASSERT_FALSE(record) << text;
    EXPECT_EQ(record.error().code, Errc::malformed);
    EXPECT_FALSE(record.error().message.empty());
    EXPECT_FALSE(switches_from_json(text)) << text;
  }
}

TEST(FleetRecords, ReadsNothingThatIsNestedDeeperThanThereIsStack) {
  const auto nested = std::string(100'000, '[') + std::string(100'000, ']');
  const auto record = lease_from_json(
      R"({"version":1,"token":7,"holder":"h","atMilliseconds":0,"states":{},"carriedOut":{},"x":)" +
      nested + "}");
  ASSERT_FALSE(record);
  EXPECT_EQ(record.error().code, Errc::malformed);
  EXPECT_FALSE(lease_from_json(nested));
  EXPECT_FALSE(switches_from_json(nested));
}

TEST(FleetRecords, SaysThatAnotherVersionWroteIt) {
  const auto record = lease_from_json(R"({"version":2})");
  ASSERT_FALSE(record);
  EXPECT_PRED2(contains, record.error().message, "version 2");
}

}  // namespace
}  // namespace selfscale::fleet
