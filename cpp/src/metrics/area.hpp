/// The form of a process's metrics in memory (docs/decisions/0003-segment.md): a directory of
/// records, each a name and where its cell is, then blocks of cells, one per writer. Records are
/// only ever appended, and `used` is published after the record, so that an area can be read while
/// it grows. Cells are words, read and written atomically; a cell has the same offset in every
/// block and every area that the directory is copied to. Block 0 is shared by all threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "metrics/registry.hpp"

namespace selfscale::metrics {

inline constexpr std::uint64_t area_magic = 0x31656c6163736c66;  // "flscale1"
inline constexpr std::uint32_t area_version = 3;

/// Of a block, what cells may take; the rest holds pages.
inline constexpr std::size_t cells_bytes = std::size_t{48} * 1024;

/// Octaves that may have pages: 1e-12 to 1e12. What lies beyond is counted beside.
inline constexpr int lowest_octave = -40;
inline constexpr int highest_octave = 39;
inline constexpr std::size_t pages_per_distribution = distribution_counts - distribution_pages;

struct Header {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t used;    ///< bytes of the directory; atomic, release
  std::uint32_t cells;   ///< bytes of each block that have an owner
  std::uint32_t blocks;  ///< that were ever taken, the shared one included; atomic
};

struct Record {
  std::uint32_t size;  ///< of record and text
  std::uint32_t cell;  ///< offset of the cell from a block's start
  std::uint16_t name_length;
  std::uint16_t labels_length;
  Kind kind;
  std::uint8_t scale;  ///< of a distribution
  std::uint16_t reserved;
};
static_assert(sizeof(Header) == 24 && sizeof(Record) == 16);

/// A record in place, with bounds that have been checked.
struct Place {
  Record record;  ///< a copy: the area may be written meanwhile
  std::string_view name;
  std::string_view labels;
};

/// One distribution's octave outside of the dense ones.
struct Page {
  int octave = 0;
  std::uint64_t* counts = nullptr;
};

inline std::atomic_ref<std::uint64_t> word(std::uint64_t* cell, std::size_t index) noexcept {
  return std::atomic_ref<std::uint64_t>{cell[index]};
}
inline std::atomic_ref<double> real(std::uint64_t* cell, std::size_t index) noexcept {
  return std::atomic_ref<double>{reinterpret_cast<double&>(cell[index])};
}

std::size_t cell_words(Kind kind, int scale) noexcept;
std::size_t dense_count(int scale) noexcept;
inline std::size_t page_words(int scale) noexcept { return std::size_t{1} << scale; }

/// Bytes of the directory in use; 0 when the area is foreign or torn.
std::uint32_t used_bytes(std::span<const std::byte> area) noexcept;
/// Blocks that may hold counts.
std::uint32_t block_count(std::span<const std::byte> area) noexcept;
/// Lets readers know of the first `count` blocks.
void show_blocks(std::byte* area, std::uint32_t count) noexcept;
/// Readers of const memory load atomically, too, which takes a mutable pointer before C++26.
inline std::byte* block_at(const std::byte* area, std::uint32_t index) noexcept {
  return const_cast<std::byte*>(area) + directory_bytes + index * block_bytes;
}
inline std::uint64_t* cell_at(std::byte* block, std::uint32_t cell) noexcept {
  return reinterpret_cast<std::uint64_t*>(block + cell);
}

/// The record at `offset`, which then becomes the next one's; empty at the end, or where the record
/// makes no sense.
std::optional<Place> next(std::span<const std::byte> area, std::uint32_t used,
                          std::uint32_t& offset) noexcept;
/// Appends a record, whose cells are empty; nullopt when there is no room.
std::optional<Place> append(std::span<std::byte> area, std::string_view name,
                            std::string_view labels, Kind kind) noexcept;
std::optional<Place> find(std::span<const std::byte> area, std::string_view name,
                          std::string_view labels) noexcept;
/// Sets every cell to zero.
void zero_cells(std::span<std::byte> area) noexcept;
/// Makes `into` an area with the records of another, its cells empty, at the same offsets.
void copy_directory(std::span<const std::byte> from, std::span<std::byte> into) noexcept;

/// The `index`th page of a distribution; empty when it has no more, or the entry makes no sense.
std::optional<Page> page_at(std::byte* block, std::uint64_t* cell, int scale,
                            std::size_t index) noexcept;
/// The page for an octave, made where it is missing; null when there is no room. Any number of
/// writers.
std::uint64_t* page_for(std::byte* block, std::uint64_t* cell, int scale, int octave) noexcept;

}  // namespace selfscale::metrics
