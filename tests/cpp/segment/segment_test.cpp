#include "segment/segment.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "segment/open_file.hpp"
#include "segment/processes_fixture.hpp"

namespace selfscale::segment {
namespace {

template <class Count>
std::uint64_t total_of(const Contents& contents, std::string_view name, Count count) {
  std::uint64_t sum = 0;
  auto add = [&](const std::vector<metrics::Entry>& entries) {
    for (const auto& entry : entries) {
      if (entry.name == name && entry.labels.empty()) sum += count(entry);
    }
  };
  add(contents.retired);
  for (const auto& process : contents.processes) add(process.entries);
  return sum;
}

std::uint64_t total(const Contents& contents, std::string_view name) {
  return total_of(contents, name, [](const metrics::Entry& entry) { return entry.count; });
}

std::uint64_t observed(const Contents& contents, std::string_view distribution) {
  return total_of(contents, distribution,
                  [](const metrics::Entry& entry) { return entry.buckets.count(); });
}

class SegmentTest : public testing::Test {
 protected:
  [[nodiscard]] Place place(const std::string& service = "backend") const {
    return {service, "", directory.path() + "/run", directory.path()};
  }
  [[nodiscard]] std::unique_ptr<Segment> open(const std::string& service = "backend") const {
    return Segment::open(place(service)).value();
  }

  Directory directory;
};

TEST_F(SegmentTest, AClaimedSlotIsSeenByItsNames) {
  const auto segment = open();
  ASSERT_EQ(segment->claim("web-1", "2026.11").value(), 1);
  segment->heartbeat(1234, {Readiness::ready, true});
  const auto slots = segment->slots();
  ASSERT_EQ(slots.size(), 1U);
  EXPECT_EQ(slots[0].slot, 1);
  EXPECT_EQ(slots[0].instance, "web-1");
  EXPECT_EQ(slots[0].release, "2026.11");
  EXPECT_EQ(slots[0].pid, ::getpid());
  EXPECT_EQ(slots[0].heartbeat_ms, 1234);
  EXPECT_TRUE(slots[0].alive);
  EXPECT_TRUE(slots[0].is_ready());
  EXPECT_FALSE(slots[0].draining);
  EXPECT_GT(slots[0].started_at, 1.6e9);
  EXPECT_EQ(segment->note(), "");
}

TEST_F(SegmentTest, AProcessInAContainerIsKnownByItsNumberHere) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make a process namespace";
  const auto segment = open();
  Child child{[this](Child& self) {
    return in_own_pid_namespace([&] {
      const auto its = open();
      its->claim("web-1", "").value();
      self.say();
      self.wait_for_word();
      return 0;
    });
  }};
  ASSERT_TRUE(child.wait_for_word());
  const auto number = std::to_string(child.pid());
  pid_t in_container = 0;
  std::ifstream{"/proc/" + number + "/task/" + number + "/children"} >> in_container;
  ASSERT_GT(in_container, 1);
  const auto slots = segment->slots();
  ASSERT_EQ(slots.size(), 1U);
  EXPECT_EQ(slots[0].pid, in_container);
  child.say();
  EXPECT_EQ(child.join(), 0);
}

TEST_F(SegmentTest, AProcessThatCannotBeSeenIsNotTakenForAnother) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make a process namespace";
  const auto segment = open();
  segment->claim("web-1", "").value();
  Child child{[this](Child&) {
    return in_own_pid_namespace([this] {
      const auto slots = open()->slots();
      return slots.size() == 1 && slots[0].alive && slots[0].pid == 0 ? 0 : 1;
    });
  }};
  EXPECT_EQ(child.join(), 0);
}

TEST_F(SegmentTest, TheFileIsPrivateAndMemoryIsAllocatedAsSlotsAreTaken) {
  const auto segment = open();
  const auto allocated = [&] {
    struct stat status {};
    EXPECT_EQ(::stat(segment->path().c_str(), &status), 0);
    return static_cast<std::size_t>(status.st_blocks) * 512;
  };
  struct stat status {};
  ASSERT_EQ(::stat(segment->path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  const auto empty = allocated();
  EXPECT_LT(empty, static_cast<std::size_t>(status.st_size) / 10);
  segment->claim("web", "").value();
  EXPECT_GE(allocated(), empty + metrics::area_bytes);
  const auto folder = std::filesystem::path{segment->path()}.parent_path();
  ASSERT_EQ(::stat(folder.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700U);
}

TEST_F(SegmentTest, ServicesReleasesAndRunDirectoriesStayApart) {
  auto other_release = place();
  other_release.release = "2";
  auto other_run = place();
  other_run.run_directory += "2";
  const auto first = open();
  EXPECT_NE(first->path(), open("worker")->path());
  EXPECT_NE(first->path(), Segment::open(other_release).value()->path());
  EXPECT_NE(first->path(), Segment::open(other_run).value()->path());
  EXPECT_EQ(first->path(), open()->path());
  auto written_otherwise = place();
  written_otherwise.run_directory = directory.path() + "/../" +
                                    std::filesystem::path{directory.path()}.filename().string() +
                                    "/run/";
  EXPECT_EQ(first->path(), Segment::open(written_otherwise).value()->path());
}

TEST_F(SegmentTest, TwoSegmentsOfOneProcessHaveSlotsOfTheirOwn) {
  const auto first = open();
  const auto second = open();
  EXPECT_EQ(first->claim("a", "").value(), 1);
  EXPECT_EQ(second->claim("b", "").value(), 2);
  EXPECT_EQ(first->claim("a", "").value(), 1);
  EXPECT_TRUE(first->hold_control());
  EXPECT_TRUE(first->hold_control());
  EXPECT_FALSE(second->hold_control());
  first->drop_control();
  EXPECT_TRUE(second->hold_control());
}

TEST_F(SegmentTest, AReleasedSlotKeepsItsCountsAndGoesToNobodyElse) {
  const auto segment = open();
  metrics::Registry registry;
  const auto orders = registry.counter("orders");
  segment->claim("a", "").value();
  registry.move_to(segment->own_metrics());
  orders.inc(7);
  registry.move_home();
  segment->release();
  EXPECT_TRUE(segment->own_metrics().empty());
  ASSERT_EQ(segment->slots().size(), 1U);
  EXPECT_FALSE(segment->slots()[0].alive);
  EXPECT_EQ(total(segment->read(), "orders"), 7U);

  Child other{[this](Child&) { return open()->claim("b", "").value(); }};
  EXPECT_EQ(other.join(), 2);
  EXPECT_EQ(segment->claim("a", "").value(), 1);
  EXPECT_EQ(total(segment->read(), "orders"), 7U);
  registry.move_to(segment->own_metrics());
  orders.inc();
  EXPECT_EQ(total(segment->read(), "orders"), 8U);
}

TEST_F(SegmentTest, ADeadProcessIsSeenAndItsCountsStayWhenItsSlotIsReused) {
  const auto segment = open();
  for (int round = 1; round <= 5; ++round) {
    Child child{[this](Child& self) {
      const auto mine = open();
      metrics::Registry registry;
      mine->claim("child", "").value();
      registry.move_to(mine->own_metrics());
      registry.counter("orders").inc(10);
      self.say();
      self.wait_for_word();
      return 0;
    }};
    ASSERT_TRUE(child.wait_for_word());
    ASSERT_EQ(segment->slots().size(), 1U);
    EXPECT_TRUE(segment->slots()[0].alive);
    EXPECT_EQ(segment->slots()[0].generation, static_cast<std::uint32_t>(round));
    child.kill();
    ASSERT_EQ(segment->slots().size(), 1U);
    EXPECT_FALSE(segment->slots()[0].alive);
    EXPECT_EQ(total(segment->read(), "orders"), 10U * static_cast<unsigned>(round));
  }
}

TEST_F(SegmentTest, AllSlotsTakenIsAnErrorThatSaysSo) {
  std::vector<std::unique_ptr<Segment>> segments;
  for (int i = 0; i < slot_count; ++i) {
    segments.push_back(open());
    ASSERT_EQ(segments.back()->claim("a", "").value(), i + 1);
  }
  const auto refused = open()->claim("b", "");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::storage);
  EXPECT_NE(refused.error().message.find("all 64 slots"), std::string::npos);
}

TEST_F(SegmentTest, DrainMarksReachEveryProcessOfTheInstance) {
  const auto first = open();
  const auto second = open();
  const auto other = open();
  first->claim("web-1", "").value();
  second->claim("web-1", "").value();
  other->claim("web-2", "").value();
  EXPECT_EQ(other->mark_draining("web-1"), 2);
  EXPECT_TRUE(first->is_draining());
  EXPECT_TRUE(second->is_draining());
  EXPECT_FALSE(other->is_draining());
  EXPECT_EQ(other->mark_draining("web-3"), 0);
}

TEST_F(SegmentTest, TheNewestPublicationOfTheLivingIsRead) {
  const auto first = open();
  const auto second = open();
  EXPECT_EQ(first->published(), std::nullopt);
  first->claim("a", "").value();
  second->claim("b", "").value();
  first->publish(R"({"toReplicas": 3})");
  second->publish(R"({"toReplicas": 4, "more": true})");
  EXPECT_EQ(first->published(), R"({"toReplicas": 4, "more": true})");
  first->publish("{}");
  EXPECT_EQ(second->published(), "{}");
  first->release();
  EXPECT_EQ(second->published(), R"({"toReplicas": 4, "more": true})");
  second->publish(std::string(published_bytes + 1, 'x'));
  EXPECT_EQ(second->published(), std::nullopt);
}

TEST_F(SegmentTest, WhatTheLivingTellOfThemselvesIsReadByTheOthers) {
  const auto first = open();
  const auto second = open();
  first->claim("a", "").value();
  second->claim("b", "").value();
  EXPECT_TRUE(second->told_by_others().empty());
  first->tell("leads");
  second->tell("follows");
  const auto told = first->told_by_others();
  ASSERT_EQ(told.size(), 1U) << "its own is not among them";
  EXPECT_EQ(told[0].text, "follows");
  EXPECT_EQ(told[0].instance, "b");
  EXPECT_EQ(told[0].pid, ::getpid());
  EXPECT_EQ(open()->told_by_others().size(), 2U) << "of one that has no slot";
  second->tell(std::string(told_bytes, 'x'));
  EXPECT_EQ(first->told_by_others().at(0).text.size(), told_bytes);
  second->tell(std::string(told_bytes + 1, 'x'));
  EXPECT_TRUE(first->told_by_others().empty());
  second->tell("follows");
  second->release();
  EXPECT_TRUE(first->told_by_others().empty());
}

TEST_F(SegmentTest, WhatAProcessToldOfItselfGoesWithIt) {
  const auto here = open();
  Child child{[this](Child& self) {
    const auto there = open();
    there->claim("a", "").value();
    there->tell("follows");
    self.say();
    self.wait_for_word();
    return 0;
  }};
  ASSERT_TRUE(child.wait_for_word());
  ASSERT_EQ(here->told_by_others().size(), 1U);
  EXPECT_EQ(here->told_by_others()[0].pid, child.pid());
  child.kill();
  EXPECT_TRUE(here->told_by_others().empty());
  const auto next = open();
  ASSERT_EQ(next->claim("b", "").value(), 1) << "the slot of the dead";
  EXPECT_TRUE(here->told_by_others().empty());
}

TEST_F(SegmentTest, IsFoundWhereItIsAndIsMadeByNobodyWhoOnlyLooks) {
  EXPECT_EQ(Segment::find(place()), nullptr);
  const auto made = open();
  made->claim("a", "").value();
  made->tell("leads");
  const auto found = Segment::find(place());
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->path(), made->path());
  EXPECT_EQ(found->told_by_others().size(), 1U);
}

TEST_F(SegmentTest, ATruncatedFileIsReplacedAndSaysSo) {
  const auto path = open()->path();
  std::filesystem::remove(path);
  { std::ofstream{path} << "short"; }
  const auto segment = open();
  EXPECT_EQ(segment->claim("a", "").value(), 1);
  EXPECT_NE(segment->note().find("made anew"), std::string::npos);
}

TEST_F(SegmentTest, AFileOfAnotherVersionIsReplaced) {
  const auto path = open()->path();
  const auto size = std::filesystem::file_size(path);
  std::filesystem::remove(path);
  std::ofstream{path} << "something else";
  std::filesystem::resize_file(path, size);
  EXPECT_NE(open()->note().find("made anew"), std::string::npos);
}

TEST_F(SegmentTest, ALinkInItsPlaceIsReplacedAndItsTargetLeftAlone) {
  const auto path = open()->path();
  const auto target = directory.path() + "/target";
  std::ofstream{target} << "precious";
  std::filesystem::remove(path);
  std::filesystem::create_symlink(target, path);
  EXPECT_EQ(open()->claim("a", "").value(), 1);
  EXPECT_FALSE(std::filesystem::is_symlink(path));
  EXPECT_EQ(std::filesystem::file_size(target), 8U);
}

TEST_F(SegmentTest, ARemovedFileIsNoticedAndMadeAnew) {
  const auto segment = open();
  metrics::Registry registry;
  const auto orders = registry.counter("orders");
  segment->claim("a", "").value();
  registry.move_to(segment->own_metrics());
  orders.inc(5);
  EXPECT_FALSE(segment->is_stale());
  std::filesystem::remove(segment->path());
  EXPECT_TRUE(segment->is_stale());
  orders.inc();

  const auto anew = open();
  anew->claim("a", "").value();
  registry.move_to(anew->own_metrics());
  EXPECT_FALSE(anew->is_stale());
  EXPECT_EQ(total(anew->read(), "orders"), 6U);
}

TEST_F(SegmentTest, SharedMemoryThatIsNoDirectoryMeansTheRunDirectory) {
  auto elsewhere = place();
  elsewhere.shared_memory = directory.path() + "/nothing";
  std::ofstream{directory.path() + "/nothing"} << "a file";
  const auto segment = Segment::open(elsewhere).value();
  EXPECT_EQ(segment->path().find(elsewhere.run_directory), 0U);
  EXPECT_NE(segment->note().find("kept in the run directory"), std::string::npos);
}

TEST_F(SegmentTest, FilesInSharedMemoryWhoseRunDirectoryIsGoneAreSweptAway) {
  auto gone = place("gone");
  gone.run_directory = directory.path() + "/gone";
  auto held = place("held");
  held.run_directory = directory.path() + "/held";
  Child child{[&](Child& self) {
    const auto unheld = Segment::open(gone).value();
    const auto mine = Segment::open(held).value();
    mine->claim("a", "").value();
    self.say();
    self.wait_for_word();
    return 0;
  }};
  ASSERT_TRUE(child.wait_for_word());
  const auto kept = open();  // its run directory is there
  std::filesystem::remove_all(gone.run_directory);
  std::filesystem::remove_all(held.run_directory);
  const auto folder = std::filesystem::path{kept->path()}.parent_path();
  auto files = [&] { return std::distance(std::filesystem::directory_iterator{folder}, {}); };
  ASSERT_EQ(files(), 3);
  EXPECT_EQ(open("another")->claim("a", "").value(), 1);
  EXPECT_EQ(files(), 3);  // without the unheld one, with another
  EXPECT_FALSE(kept->is_stale());
}

TEST_F(SegmentTest, ADirectoryThatOthersMayWriteToIsRefused) {
  auto open_to_all = place();
  open_to_all.run_directory = directory.path() + "/shared";
  std::filesystem::create_directory(open_to_all.run_directory);
  std::filesystem::permissions(open_to_all.run_directory, std::filesystem::perms::all);
  const auto refused = Segment::open(open_to_all);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::denied);
  EXPECT_NE(refused.error().message.find("chmod 700"), std::string::npos);
}

TEST_F(SegmentTest, OneThatManyUseOnPurposeIsNotToBeClosedToThem) {
  auto many = place();
  many.run_directory = directory.path() + "/shared";
  std::filesystem::create_directory(many.run_directory);
  for (const auto mode : {01777, 02775}) {  // as of /tmp, as of /usr/local
    ASSERT_EQ(::chmod(many.run_directory.c_str(), static_cast<mode_t>(mode)), 0);
    const auto refused = Segment::open(many);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::denied);
    EXPECT_EQ(refused.error().message.find("chmod"), std::string::npos);
    EXPECT_NE(refused.error().message.find("such as " + many.run_directory + "/selfscale"),
              std::string::npos);
  }
}

TEST(SharedDirectory, TheSystemsOwnIsKnownByWhereItStands) {
  struct stat status {};
  status.st_mode = S_IFDIR | 0777;
  EXPECT_TRUE(is_for_many("/opt", status));
  EXPECT_TRUE(is_for_many("/var/mail/", status));
  EXPECT_FALSE(is_for_many("/srv/shop/run", status));
  status.st_uid = 1000;
  EXPECT_FALSE(is_for_many("/srv/shop", status));
}

TEST_F(SegmentTest, NoRoomForTheFileIsAnErrorAndLeavesNothingBehind) {
  Child child{[this](Child&) {
    const rlimit small{1 << 20, 1 << 20};  // less than the file: as a full file system answers
    if (::setrlimit(RLIMIT_FSIZE, &small) != 0) return 2;
    const auto opened = Segment::open(place());
    return !opened && opened.error().code == Errc::storage ? 0 : 1;
  }};
  EXPECT_EQ(child.join(), 0);
  for (const auto& each : std::filesystem::recursive_directory_iterator{directory.path()}) {
    EXPECT_TRUE(each.is_directory()) << each.path();
  }
}

TEST_F(SegmentTest, NoRoomForASlotIsAnErrorAndLeavesTheOthers) {
  const auto segment = open();
  ASSERT_EQ(segment->claim("web", "").value(), 1);
  Child child{[this](Child&) {
    const auto mine = open();
    const rlimit small{std::size_t{2} * 1024 * 1024, std::size_t{2} * 1024 * 1024};
    if (::setrlimit(RLIMIT_FSIZE, &small) != 0) return 1;
    const auto slot = mine->claim("web", "");
    if (slot || slot.error().code != Errc::storage) return 2;
    if (slot.error().message.find("no room in") != 0) return 3;
    return mine->own_metrics().empty() ? 0 : 4;
  }};
  EXPECT_EQ(child.join(), 0);
  EXPECT_EQ(segment->slots().size(), 1U);
}

TEST_F(SegmentTest, ManyProcessesThatOpenAtOnceShareOneFile) {
  std::vector<std::unique_ptr<Child>> children;
  children.reserve(8);
  for (int i = 0; i < 8; ++i) {
    children.push_back(std::make_unique<Child>([this](Child& self) {
      self.wait_for_word();
      const auto mine = open();
      const int slot = mine->claim("child", "").value();
      self.say();
      self.wait_for_word();
      return slot;
    }));
  }
  for (auto& child : children) child->say();
  for (auto& child : children) ASSERT_TRUE(child->wait_for_word());
  EXPECT_EQ(open()->slots().size(), 8U);
  int sum = 0;
  for (auto& child : children) {
    child->say();
    sum += child->join();
  }
  EXPECT_EQ(sum, 36);  // slots 1 … 8, each once
}

TEST_F(SegmentTest, TheControlRoleIsTakenOverWhileAForkedChildOfItsDeadOwnerLives) {
  const auto segment = open();
  Child owner{[this](Child& self) {
    const auto mine = open();
    if (!mine->hold_control()) return 1;
    if (::fork() == 0) {  // inherits every descriptor, and no lock
      self.say();
      ::alarm(30);
      for (;;) ::pause();
    }
    self.wait_for_word();
    return 0;
  }};
  ASSERT_TRUE(owner.wait_for_word());
  EXPECT_FALSE(segment->hold_control());
  owner.kill();
  EXPECT_TRUE(segment->hold_control());
}

TEST_F(SegmentTest, AChildOwnsNothingOfItsParentsUntilItClaims) {
  const auto segment = open();
  segment->claim("web-1", "7").value();
  ASSERT_TRUE(segment->hold_control());
  Child child{[&](Child&) {
    if (!segment->own_metrics().empty() || segment->hold_control()) return 1;
    if (segment->claim_after_fork() != 2 || segment->own_metrics().empty()) return 2;
    const auto slots = segment->slots();
    if (slots.size() != 2 || slots[1].instance != "web-1" || slots[1].release != "7") return 3;
    return slots[0].alive && slots[1].alive && slots[1].pid == ::getpid() ? 0 : 4;
  }};
  EXPECT_EQ(child.join(), 0);
  EXPECT_TRUE(segment->hold_control());
  EXPECT_TRUE(segment->slots()[0].alive);
}

/// 200 forks of a process whose threads never stop recording; every child records too, and some are
/// killed.
TEST_F(SegmentTest, AForkStormNeitherHangsNorLosesACount) {
  const auto segment = open();
  metrics::Registry registry;
  segment->claim("web", "").value();
  registry.move_to(segment->own_metrics());
  const auto orders = registry.counter("orders");
  const auto took = registry.distribution("took");
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> made{0};
  std::atomic<int> begun{0};
  std::vector<std::thread> load;
  load.reserve(3);
  for (int i = 0; i < 3; ++i) {
    load.emplace_back([&, i] {
      std::uint64_t mine = 0;
      while (!stop.load(std::memory_order_relaxed)) {
        orders.inc();
        took.observe(0.25);
        if (++mine == 1) ++begun;
        if (mine % 64 == 0) registry.counter("more_" + std::to_string(i)).inc();
      }
      made += mine;
    });
  }

  // A sanitizer's own lock may be held while a thread begins, and a child then waits for it for
  // ever.
  while (begun < 3) std::this_thread::yield();

  constexpr int forks = 200;
  constexpr std::uint64_t per_child = 1000;
  for (int i = 0; i < forks; ++i) {
    registry.lock_for_fork();
    Child child{[&](Child& self) {
      registry.unlock_after_fork();
      if (segment->claim_after_fork() == 0) return 1;
      registry.restart_in(segment->own_metrics());
      const auto record = [&] {
        for (std::uint64_t n = 0; n < per_child / 2; ++n) {
          orders.inc();
          took.observe(0.25);
        }
      };
      record();
#ifdef __SANITIZE_THREAD__  // ends a forked child as soon as that starts a thread
      record();
#else
      std::thread{record}.join();
#endif
      self.say();
      self.wait_for_word();
      return 0;
    }};
    registry.unlock_after_fork();
    ASSERT_TRUE(child.wait_for_word()) << "fork " << i;
    if (i % 2 == 0) {
      child.kill();
    } else {
      child.say();
      ASSERT_EQ(child.join(), 0);
    }
  }
  stop = true;
  for (auto& thread : load) thread.join();
  registry.settle();
  const auto contents = segment->read();
  EXPECT_EQ(total(contents, "orders"), made.load() + forks * per_child);
  EXPECT_EQ(observed(contents, "took"), made.load() + forks * per_child);
  EXPECT_EQ(segment->note(), "");
}

/// Children that are killed anywhere, in the middle of folding too: what a reader sees never falls,
/// and is whole in the end.
TEST_F(SegmentTest, SumsNeverFallWhileProcessesAreKilledAtRandom) {
  const auto segment = open();
  std::uint64_t seen = 0;
  std::uint64_t least = 0;
  for (int i = 0; i < 60; ++i) {
    Child child{[this](Child& self) {
      const auto mine = open();
      metrics::Registry registry;
      registry.distribution("took");
      self.say();
      for (int n = 0; n < 1000; ++n) {  // claims and folds again and again
        mine->claim("child", "").value();
        registry.move_to(mine->own_metrics());
        registry.counter("orders").inc();
        registry.move_home();
        mine->release();
      }
      return 0;
    }};
    ASSERT_TRUE(child.wait_for_word());
    for (int look = 0; look <= i % 7; ++look) {
      const auto now = total(segment->read(), "orders");
      ASSERT_GE(now, seen);
      seen = now;
    }
    if (i % 3 == 0) {
      ASSERT_EQ(child.join(), 0);
      const auto now = total(segment->read(), "orders");
      ASSERT_GE(now, least + 1000);
      least = now;
    } else {
      child.kill();
    }
  }
}

}  // namespace
}  // namespace selfscale::segment
