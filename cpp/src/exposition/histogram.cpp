#include "exposition/histogram.hpp"

#include <cmath>
#include <cstddef>
#include <utility>

namespace selfscale::exposition {
namespace {

constexpr int finest_schema = 8;
constexpr int largest_exponent = 1024;  // of a double

/// Up to this many empty buckets are cheaper to write than a span.
constexpr std::int64_t narrow_gap = 2;

class Writer {
 public:
  explicit Writer(Native& native) : native_{native} {}

  void add(std::int64_t index, std::uint64_t count) {
    if (count == 0) return;
    const std::int64_t gap = index - next_;
    if (native_.spans.empty() || gap > narrow_gap) {
      native_.spans.push_back({static_cast<std::int32_t>(gap), 0});
    } else {
      for (std::int64_t i = 0; i < gap; ++i) write(0);
    }
    write(static_cast<std::int64_t>(count));
    next_ = index + 1;
  }

 private:
  void write(std::int64_t count) {
    native_.deltas.push_back(count - std::exchange(before_, count));
    ++native_.spans.back().length;
  }

  Native& native_;
  std::int64_t next_ = 0;  ///< the index after the last one written
  std::int64_t before_ = 0;
};

/// Of the bucket that ends at infinity: the next after that of the largest double.
std::int64_t infinite_index(int schema) noexcept {
  const auto largest = schema >= 0 ? std::int64_t{largest_exponent} << schema
                                   : std::int64_t{largest_exponent} >> -schema;
  return largest + 1;
}

}  // namespace

std::array<std::uint64_t, classic_bounds.size()> cumulative_counts(
    const metrics::Buckets& buckets) noexcept {
  std::array<std::uint64_t, classic_bounds.size()> cumulative{};
  std::uint64_t seen = buckets.zero;
  std::size_t bound = 0;
  for (std::size_t i = 0; i < buckets.counts.size(); ++i) {
    const double position = static_cast<double>(buckets.offset) + static_cast<double>(i) + 0.5;
    const double middle = std::exp2(std::ldexp(position, -buckets.scale));
    while (bound < cumulative.size() && middle > classic_bounds[bound]) cumulative[bound++] = seen;
    seen += buckets.counts[i];
  }
  while (bound < cumulative.size()) cumulative[bound++] = seen;
  return cumulative;
}

Native native_histogram(metrics::Buckets buckets) {
  buckets.downscale(finest_schema);
  Native native;
  native.schema = buckets.scale;
  native.zero_count = buckets.zero;
  Writer writer{native};
  // Prometheus numbers a bucket by its upper bound: (b^(i-1), b^i].
  for (std::size_t i = 0; i < buckets.counts.size(); ++i) {
    writer.add(std::int64_t{buckets.offset} + static_cast<std::int64_t>(i) + 1, buckets.counts[i]);
  }
  writer.add(infinite_index(buckets.scale), buckets.above);
  if (native.spans.empty()) native.spans.push_back({});  // else it would be taken for a classic one
  return native;
}

}  // namespace selfscale::exposition
