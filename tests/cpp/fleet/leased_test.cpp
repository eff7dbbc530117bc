#include "fleet/leased.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "fleet/run.hpp"

namespace selfscale::fleet {
namespace {

namespace asio = boost::asio;

/// Texts in memory; `before_write` is what comes between.
class MemoryStore final : public Store {
 public:
  struct Texts {
    std::map<std::string, Kept> kept;
    std::function<void()> before_write;
  };
  explicit MemoryStore(Texts& texts) : texts_{texts} {}

  asio::awaitable<Result<std::optional<Kept>>> read(Key key) override {
    const auto found = texts_.kept.find(key.service);
    if (found == texts_.kept.end()) co_return std::optional<Kept>{};
    co_return std::optional{found->second};
  }
  asio::awaitable<Result<std::string>> write(Wanted wanted) override {
    if (texts_.before_write) texts_.before_write();
    auto& kept = texts_.kept[wanted.key.service];
    if (kept.version != wanted.over) co_return Failure{Errc::conflict, "changed", {}};
    kept.version = std::to_string(++versions_);
    kept.text = wanted.text;
    kept.is_held = !wanted.holder.empty();
    co_return kept.version;
  }

 private:
  Texts& texts_;
  int versions_ = 0;
};

class LeasedTest : public testing::Test {
 protected:
  std::unique_ptr<Fleet> member(const std::string& holder) {
    return make_leased(std::make_unique<MemoryStore>(texts),
                       {.service = "web", .holder = holder, .running = [] { return Duration{0}; }});
  }
  /// As a renewal of the holder's does whose answer is still on its way.
  void renew_unseen(int times) {
    texts.before_write = [this, times]() mutable {
      if (times-- > 0) texts.kept["web"].version += "'";
    };
  }

  MemoryStore::Texts texts;
};

TEST_F(LeasedTest, WhatIsGivenBackIsFreeThoughRenewalsWereOnTheirWay) {
  for (const int renewals : {0, 1, 2}) {
    texts = {};
    auto one = member("a/1");
    ASSERT_TRUE(run(one->lead()).value());
    renew_unseen(renewals);
    run(one->resign());
    EXPECT_TRUE(run(member("b/2")->lead()).value()) << renewals;
  }
}

TEST_F(LeasedTest, WhileALeaseIsGivenBackItIsNotRenewed) {
  auto one = member("a/1");
  ASSERT_TRUE(run(one->lead()).value());
  auto record = run(one->load()).value();
  Result<void> renewed;
  texts.before_write = [&, is_first = true]() mutable {
    if (!std::exchange(is_first, false)) return;
    asio::io_context io;
    renewed = run(io, one->renew(record));
  };
  run(one->resign());
  ASSERT_FALSE(renewed);
  EXPECT_EQ(renewed.error().code, Errc::conflict);
  EXPECT_TRUE(run(member("b/2")->lead()).value());
}

}  // namespace
}  // namespace selfscale::fleet
