/// What recording compiles to in the app: not an interface, and may change with any version.
///
/// A process records into blocks of cells. Each block has one writer, a thread, so that a plain
/// load and store (relaxed atomics, for the readers' sake) count exactly; whoever reads adds the
/// blocks up. A cell has the same offset in every block.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <selfscale/export.hpp>

namespace selfscale::metrics {

/// Distributions are dense over these octaves: 0.24 ms to 1 s when they hold seconds. A value
/// elsewhere takes a page for its octave.
inline constexpr int first_octave = -12;
inline constexpr int octaves = 12;
inline constexpr double lower_edge = 1.0 / 4096;
inline constexpr double upper_edge = 1.0;
inline constexpr int finest_scale = 6;

/// The words of a distribution's cell: sum, what lies outside of all buckets, the octaves that have
/// pages, and the dense counts.
enum DistributionWord : std::size_t {
  distribution_sum,
  distribution_zero,
  distribution_above,
  distribution_pages,
  distribution_counts = distribution_pages + 8
};

namespace detail {

/// That can be recorded.
inline constexpr double largest = std::numeric_limits<double>::max();

constexpr long double square_root(long double x) {
  long double root = x;
  for (int i = 0; i < 64; ++i) root = (root + x / root) / 2;
  return root;
}

/// Mantissa bits of 2^(i/64) for i = 0 … 64; the last stands for the next octave.
constexpr std::array<std::uint64_t, 65> make_edges() {
  std::array<long double, 6> roots{};  // 2^(1/2), 2^(1/4), …, 2^(1/64)
  long double root = 2;
  for (auto& each : roots) each = root = square_root(root);
  std::array<std::uint64_t, 65> edges{};
  for (std::size_t i = 0; i < 64; ++i) {
    long double edge = 1;
    for (std::size_t bit = 0; bit < 6; ++bit) {
      if ((i >> (5 - bit)) & 1U) edge *= roots[bit];
    }
    edges[i] = std::bit_cast<std::uint64_t>(static_cast<double>(edge)) & ((1ULL << 52) - 1);
  }
  edges[64] = 1ULL << 52;
  return edges;
}
inline constexpr auto edges = make_edges();

inline constexpr std::uint64_t mantissa_mask = (1ULL << 52) - 1;

/// By a mantissa's seven leading bits, what it takes to bring it to its bucket, which then stands
/// above bit 52. Their interval is narrower (1/128) than the narrowest bucket (0.0109), so that at
/// most one edge lies in it: that edge becomes the first mantissa to carry into the next bucket.
constexpr std::array<std::uint64_t, 128> make_steps() {
  std::array<std::uint64_t, 128> steps{};
  std::size_t bucket = 0;
  for (std::size_t i = 0; i < 128; ++i) {
    while (edges[bucket + 1] <= (static_cast<std::uint64_t>(i) << 45)) ++bucket;
    steps[i] = (static_cast<std::uint64_t>(bucket + 1) << 52) - edges[bucket + 1];
  }
  return steps;
}
inline constexpr auto steps = make_steps();

/// Of the 64 buckets of any octave.
constexpr std::uint64_t bucket_in_octave(std::uint64_t bits) noexcept {
  const auto mantissa = bits & mantissa_mask;
  return (mantissa + steps[mantissa >> 45]) >> 52;
}

/// The upper edge belongs to a bucket, the lower one to the bucket below.
constexpr std::uint64_t bits_below(double value) noexcept {
  return std::bit_cast<std::uint64_t>(value) - 1;
}

}  // namespace detail

/// The bucket of a positive, finite, normal value at scale 6. No logarithm, no search.
constexpr std::int32_t bucket_at_scale_6(double value) noexcept {
  const auto bits = detail::bits_below(value);
  const auto octave = static_cast<std::int32_t>(bits >> 52) - 1023;
  return octave * 64 + static_cast<std::int32_t>(detail::bucket_in_octave(bits));
}

/// Adds as the only writer of that word.
inline void add_alone(std::uint64_t& word, std::uint64_t by) noexcept {
  const std::atomic_ref<std::uint64_t> cell{word};
  cell.store(cell.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}
inline void add_alone(double& word, double by) noexcept {
  const std::atomic_ref<double> cell{word};
  cell.store(cell.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

/// The right to write to one block; where that block is now changes when recording moves.
struct Writer {
  std::atomic<std::byte*> cells{nullptr};
  std::atomic<bool> taken{false};
};

/// The writer that this thread used last, and whose it is.
struct ThreadWriter {
  std::uint64_t recorder = 0;  ///< Recorder::id; 0: none
  const Writer* writer = nullptr;
};
extern SELFSCALE_API constinit thread_local ThreadWriter thread_writer;

/// The part of a registry that recording sees.
class SELFSCALE_API Recorder {
 public:
  /// The block that this thread alone writes; null when there are more threads than blocks, and
  /// they share one.
  [[nodiscard]] std::byte* own_cells() const noexcept {
    if (thread_writer.recorder == id_) [[likely]] {
      return thread_writer.writer->cells.load(std::memory_order_acquire);
    }
    return take_cells();
  }

  /// Out of line, into the block that is shared.
  void count_shared(std::uint32_t cell, std::uint64_t by) const noexcept;
  void observe_shared(std::uint32_t cell, int scale, double value) const noexcept;
  /// A value outside of the dense octaves; refuses what is no value at all.
  void observe_outside(std::byte* cells, std::uint32_t cell, int scale,
                       double value) const noexcept;
  /// A gauge is one word of the shared block.
  void set_gauge(std::uint32_t cell, double value) const noexcept;
  void add_to_gauge(std::uint32_t cell, double by) const noexcept;

  /// Whoever holds Python's interpreter lock is one writer: its block, taken when it has none, with
  /// that lock held; null when there is none left.
  [[nodiscard]] const Writer* block_for_interpreter() const noexcept;

 protected:
  Recorder() noexcept;
  ~Recorder() = default;

  std::uint64_t id_;                               ///< of no other recorder of this process, ever
  std::atomic<std::byte*> shared_cells_{nullptr};  ///< any thread's, by atomic additions
  mutable const Writer* interpreter_ = nullptr;    ///< of whoever holds the interpreter lock

 private:
  [[nodiscard]] std::byte* take_cells() const noexcept;
  void refuse() const noexcept;
};

template <class Word>
[[nodiscard]] Word& word_at(std::byte* cells, std::uint32_t cell, std::size_t index = 0) noexcept {
  return *(reinterpret_cast<Word*>(cells + cell) + index);
}

inline void Recorder::set_gauge(std::uint32_t cell, double value) const noexcept {
  if (!(value >= 0.0 && value <= detail::largest)) [[unlikely]]
    return refuse();
  auto* cells = shared_cells_.load(std::memory_order_acquire);
  std::atomic_ref{word_at<double>(cells, cell)}.store(value, std::memory_order_relaxed);
}

/// No processor adds floating-point numbers atomically: repeated where another's write came
/// between, so that of all who add at once one always gets on.
inline void Recorder::add_to_gauge(std::uint32_t cell, double by) const noexcept {
  if (!(by >= -detail::largest && by <= detail::largest)) [[unlikely]]
    return refuse();
  auto* cells = shared_cells_.load(std::memory_order_acquire);
  std::atomic_ref{word_at<double>(cells, cell)}.fetch_add(by, std::memory_order_relaxed);
}

/// Counts a value as the only writer of `cells`.
inline void observe_alone(const Recorder& recorder, std::byte* cells, std::uint32_t cell, int scale,
                          double value) noexcept {
  constexpr auto dense = std::uint64_t{octaves} << 52;
  // As unsigned numbers what lies below, is negative or no number lies beyond, too.
  const auto bits = detail::bits_below(value) - std::bit_cast<std::uint64_t>(lower_edge);
  if (bits >= dense) [[unlikely]] {
    return recorder.observe_outside(cells, cell, scale, value);
  }
  const auto bucket =
      ((bits >> 52) * 64 + detail::bucket_in_octave(bits)) >> (finest_scale - scale);
  add_alone(word_at<std::uint64_t>(cells, cell, distribution_counts + bucket), 1);
  add_alone(word_at<double>(cells, cell, distribution_sum), value);
}

}  // namespace selfscale::metrics
