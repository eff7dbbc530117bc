#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "exposition/format.hpp"
#include "exposition/histogram.hpp"
#include "exposition/recorded_fixture.hpp"

namespace selfscale::exposition {
namespace {

using metrics::Buckets;
using metrics::Registry;

/// One message, decoded as the wire format's specification says: its fields' values by number.
struct Decoded {
  std::multimap<unsigned, std::uint64_t> numbers;
  std::multimap<unsigned, std::string> texts;

  [[nodiscard]] std::uint64_t number(unsigned field) const { return numbers.find(field)->second; }
  [[nodiscard]] double real(unsigned field) const { return std::bit_cast<double>(number(field)); }
  [[nodiscard]] std::string text(unsigned field) const { return texts.find(field)->second; }
  [[nodiscard]] std::vector<Decoded> messages(unsigned field) const;
};

std::uint64_t take_varint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (unsigned shift = 0;; shift += 7) {
    if (bytes.empty() || shift > 63) throw std::runtime_error{"a number is cut off"};
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= std::uint64_t{byte & 0x7FU} << shift;
    if (byte < 0x80) return value;
  }
}

std::string_view take_bytes(std::string_view& bytes, std::size_t count) {
  if (count > bytes.size()) throw std::runtime_error{"a field is cut off"};
  const auto taken = bytes.substr(0, count);
  bytes.remove_prefix(count);
  return taken;
}

std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1U) ^ -static_cast<std::int64_t>(value & 1U);
}

Decoded decode(std::string_view bytes) {
  Decoded message;
  while (!bytes.empty()) {
    const auto key = take_varint(bytes);
    const auto field = static_cast<unsigned>(key >> 3U);
    switch (key & 7U) {
      case 0:
        message.numbers.emplace(field, take_varint(bytes));
        break;
      case 1: {
        std::uint64_t bits = 0;
        const auto eight = take_bytes(bytes, 8);
        for (unsigned i = 0; i < 8; ++i) {
          bits |= std::uint64_t{static_cast<unsigned char>(eight[i])} << (8 * i);
        }
        message.numbers.emplace(field, bits);
        break;
      }
      case 2: {
        const auto length = take_varint(bytes);
        message.texts.emplace(field, take_bytes(bytes, length));
        break;
      }
      default:
        throw std::runtime_error{"a wire type that nothing here uses"};
    }
  }
  return message;
}

std::vector<Decoded> Decoded::messages(unsigned field) const {
  std::vector<Decoded> inner;
  const auto [first, last] = texts.equal_range(field);
  for (auto each = first; each != last; ++each) inner.push_back(decode(each->second));
  return inner;
}

std::vector<Decoded> decode_delimited(std::string_view bytes) {
  std::vector<Decoded> messages;
  while (!bytes.empty()) {
    const auto length = take_varint(bytes);
    messages.push_back(decode(take_bytes(bytes, length)));
  }
  return messages;
}

/// Counts by the index of their bucket, as a reader of native histograms puts spans and deltas
/// together.
std::map<std::int64_t, std::int64_t> native_counts(const Decoded& histogram) {
  std::map<std::int64_t, std::int64_t> counts;
  const auto packed = histogram.texts.find(13);
  std::string_view deltas = packed == histogram.texts.end() ? "" : std::string_view{packed->second};
  std::int64_t index = 0;
  std::int64_t count = 0;
  for (const auto& span : histogram.messages(12)) {
    index += unzigzag(span.number(1));
    for (std::uint64_t i = 0; i < span.number(2); ++i) {
      count += unzigzag(take_varint(deltas));
      if (count < 0) throw std::runtime_error{"a bucket of less than nothing"};
      if (count > 0) counts[index] = count;
      ++index;
    }
  }
  if (!deltas.empty()) throw std::runtime_error{"deltas without a span"};
  return counts;
}

Decoded histogram_of(const Buckets& buckets) {
  const Family family{"wait", Type::histogram, "Waits.", "", {{{}, 0.0, buckets}}};
  return decode_delimited(render_protobuf({family}))
      .front()
      .messages(4)
      .front()
      .messages(7)
      .front();
}

TEST(Protobuf, HasTheNamesAndValuesOfCountersAndGauges) {
  const std::vector<Family> families{
      {"job_seconds", Type::counter, "CPU.", "seconds", {{{{"queue", "x"}}, 3.5, {}}}},
      {"depth", Type::gauge, "Waiting.", "", {{{}, -2.0, {}}}}};
  const auto messages = decode_delimited(render(families, Format::protobuf));
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0].text(1), "job_seconds_total");
  EXPECT_EQ(messages[0].text(2), "CPU.");
  EXPECT_EQ(messages[0].text(5), "seconds");
  EXPECT_EQ(messages[0].number(3), 0U);
  const auto counter = messages[0].messages(4).front();
  EXPECT_EQ(counter.messages(1).front().text(1), "queue");
  EXPECT_EQ(counter.messages(1).front().text(2), "x");
  EXPECT_EQ(counter.messages(3).front().real(1), 3.5);
  EXPECT_EQ(messages[1].number(3), 1U);
  EXPECT_EQ(messages[1].messages(4).front().messages(2).front().real(1), -2.0);
}

TEST(Protobuf, AHistogramHasClassicAndNativeBuckets) {
  Buckets buckets;
  buckets.scale = 6;
  buckets.offset = -64;  // (0.5, …]
  buckets.counts = {1, 0, 0, 0, 5};
  buckets.zero = 2;
  buckets.sum = 3.25;
  const auto histogram = histogram_of(buckets);
  EXPECT_EQ(histogram.number(1), 8U);
  EXPECT_EQ(histogram.real(2), 3.25);
  EXPECT_EQ(unzigzag(histogram.number(5)), 6);
  EXPECT_EQ(histogram.real(6), zero_threshold);
  EXPECT_EQ(histogram.number(7), 2U);
  EXPECT_EQ(native_counts(histogram), (std::map<std::int64_t, std::int64_t>{{-63, 1}, {-59, 5}}));
  const auto classic = histogram.messages(3);
  ASSERT_EQ(classic.size(), classic_bounds.size() + 1);
  EXPECT_EQ(classic.front().number(1), 2U);
  EXPECT_EQ(classic.front().real(2), 0.005);
  EXPECT_EQ(classic.back().number(1), 8U);
  EXPECT_TRUE(std::isinf(classic.back().real(2)));
}

TEST(Protobuf, AnEmptyHistogramIsANativeOneAllTheSame) {
  const auto histogram = histogram_of({});
  EXPECT_EQ(histogram.messages(12).size(), 1U);
  EXPECT_TRUE(native_counts(histogram).empty());
}

TEST(Protobuf, WhatIsOverTheLargestBucketIsInTheInfiniteOne) {
  Buckets buckets;
  buckets.scale = 3;
  buckets.above = 4;
  buckets.above_edge = 16.0;
  EXPECT_EQ(native_counts(histogram_of(buckets)),
            (std::map<std::int64_t, std::int64_t>{{1024 * 8 + 1, 4}}));
}

TEST(Protobuf, AFinerScaleThanPrometheusHasIsMadeCoarser) {
  Buckets buckets;
  buckets.scale = 10;
  buckets.offset = 0;
  buckets.counts = {1, 1, 1, 1, 1};
  const auto histogram = histogram_of(buckets);
  EXPECT_EQ(unzigzag(histogram.number(5)), 8);
  EXPECT_EQ(native_counts(histogram), (std::map<std::int64_t, std::int64_t>{{1, 4}, {2, 1}}));
}

TEST(Histogram, TheZeroBucketEndsWhereDistributionsBegin) {
  const auto entries = recorded([](Registry& registry) {
    registry.distribution("wait").observe(zero_threshold);
    registry.distribution("wait").observe(zero_threshold * 1.001);
  });
  EXPECT_EQ(entries.front().buckets.zero, 1U);
}

/// Over as many octaves as a distribution has room for.
rc::Gen<std::vector<double>> waits() {
  return rc::gen::container<std::vector<double>>(rc::gen::map(
      rc::gen::inRange(-14'000, 6'000), [](int i) { return std::exp2((i + 0.3) / 1000.0); }));
}

RC_GTEST_PROP(Histogram, EveryObservationIsInTheBucketThatItBelongsTo, ()) {
  const auto observed = *waits();
  const std::string labels = *rc::gen::element(std::string{}, std::string{"queue=x"});
  const auto entries = recorded([&](Registry& registry) {
    const auto wait = registry.distribution("wait", labels);
    for (const double each : observed) wait.observe(each);
  });
  const auto& buckets = entries.front().buckets;
  const auto histogram = histogram_of(buckets);
  const auto schema = static_cast<int>(unzigzag(histogram.number(5)));

  std::map<std::int64_t, std::int64_t> wanted;
  std::uint64_t zero = 0;
  for (const double each : observed) {
    if (each <= zero_threshold) {
      ++zero;
    } else {
      ++wanted[static_cast<std::int64_t>(std::ceil(std::ldexp(std::log2(each), schema)))];
    }
  }
  RC_ASSERT(histogram.number(7) == zero);
  RC_ASSERT(histogram.number(1) == observed.size());
  RC_ASSERT(native_counts(histogram) == wanted);
}

RC_GTEST_PROP(Histogram, AClassicBoundIsOffByHalfABucketAtMost, ()) {
  const auto observed = *waits();
  const auto entries = recorded([&](Registry& registry) {
    for (const double each : observed) registry.distribution("wait").observe(each);
  });
  const auto counts = cumulative_counts(entries.front().buckets);
  const double half = std::exp2(0.5 / 64) * (1 + 1e-9);
  const auto at_most = [&](double bound) {
    return static_cast<std::uint64_t>(
        std::ranges::count_if(observed, [&](double each) { return each <= bound; }));
  };
  for (std::size_t i = 0; i < classic_bounds.size(); ++i) {
    RC_ASSERT(counts[i] >= at_most(classic_bounds[i] / half));
    RC_ASSERT(counts[i] <= at_most(classic_bounds[i] * half));
  }
}

}  // namespace
}  // namespace selfscale::exposition
