/// The form of a block in memory (docs/decisions/0003-segment.md): a header, then records, each a
/// name and its cell. Records are only ever appended, and `used` is published after the record, so
/// that a block can be read while it grows. Cells are words, read and written atomically; a cell
/// keeps its offset when a block's records are copied to another.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "metrics/registry.hpp"

namespace selfscale::metrics {

inline constexpr std::uint64_t block_magic = 0x31656c6163736c66;  // "flscale1"
inline constexpr std::uint32_t block_version = 1;

/// Distributions are dense over these octaves: 0.24 ms to 16 s when they hold seconds.
inline constexpr int first_octave = -12;
inline constexpr int octaves = 16;
inline constexpr double lower_edge = 1.0 / 4096;
inline constexpr double upper_edge = 16.0;
inline constexpr int unlabelled_scale = 6;
inline constexpr int labelled_scale = 3;

struct Header {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t used;  ///< bytes from the block's start; atomic, release
};

struct Record {
  std::uint32_t size;  ///< of record, text and cell
  std::uint32_t cell;  ///< offset of the cell from the block's start
  std::uint16_t name_length;
  std::uint16_t labels_length;
  Kind kind;
  std::uint8_t scale;  ///< of a distribution
  std::uint16_t reserved;
};
static_assert(sizeof(Header) == 16 && sizeof(Record) == 16);

/// A gauge's cell. `moved` is what settle() has brought over to a later block.
enum GaugeWord : std::size_t { gauge_value, gauge_moved, gauge_words };
/// A distribution's cell: the scale, the sum, the two outer counts, then the dense ones.
enum DistributionWord : std::size_t {
  distribution_scale,
  distribution_sum,
  distribution_zero,
  distribution_above,
  distribution_counts
};

/// A record in place, with bounds that have been checked.
struct Place {
  Record record;  ///< a copy: the block may be written meanwhile
  std::string_view name;
  std::string_view labels;
  std::uint64_t* cell = nullptr;
};

inline std::atomic_ref<std::uint64_t> word(std::uint64_t* cell, std::size_t index) noexcept {
  return std::atomic_ref<std::uint64_t>{cell[index]};
}
inline std::atomic_ref<double> real(std::uint64_t* cell, std::size_t index) noexcept {
  return std::atomic_ref<double>{reinterpret_cast<double&>(cell[index])};
}

std::size_t cell_words(Kind kind, int scale) noexcept;
std::size_t dense_count(int scale) noexcept;

/// Bytes in use; 0 when the block is foreign or torn.
std::uint32_t used_bytes(std::span<const std::byte> block) noexcept;
/// The record at `offset`, which then becomes the next one's; empty at the end, or where the record
/// makes no sense.
std::optional<Place> next(std::span<const std::byte> block, std::uint32_t used,
                          std::uint32_t& offset) noexcept;
/// Appends a record with an empty cell; nullopt when there is no room.
std::optional<Place> append(std::span<std::byte> block, std::string_view name,
                            std::string_view labels, Kind kind) noexcept;
std::optional<Place> find(std::span<const std::byte> block, std::string_view name,
                          std::string_view labels) noexcept;
/// Sets every cell to zero.
void zero_cells(std::span<std::byte> block) noexcept;
/// Copies the records of one block over another, with empty cells at the same offsets.
void copy_records(std::span<const std::byte> from, std::span<std::byte> into) noexcept;

}  // namespace selfscale::metrics
