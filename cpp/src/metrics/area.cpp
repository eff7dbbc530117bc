#include "metrics/area.hpp"

#include <algorithm>
#include <cstring>

namespace selfscale::metrics {
namespace {

constexpr std::size_t aligned(std::size_t bytes) noexcept { return (bytes + 7) & ~std::size_t{7}; }

Header* header_of(std::span<const std::byte> area) noexcept {
  return reinterpret_cast<Header*>(const_cast<std::byte*>(area.data()));
}

std::atomic_ref<std::uint64_t> magic_of(std::span<const std::byte> area) noexcept {
  return std::atomic_ref<std::uint64_t>{header_of(area)->magic};
}

std::atomic_ref<std::uint32_t> version_of(std::span<const std::byte> area) noexcept {
  return std::atomic_ref<std::uint32_t>{header_of(area)->version};
}

std::atomic_ref<std::uint32_t> used_of(std::span<const std::byte> area) noexcept {
  return std::atomic_ref<std::uint32_t>{header_of(area)->used};
}

std::size_t room_for_blocks(std::span<const std::byte> area) noexcept {
  return area.size() < directory_bytes ? 0 : (area.size() - directory_bytes) / block_bytes;
}

/// Empty when the record, whose header lies in bounds, contradicts itself.
std::optional<Place> checked(std::span<const std::byte> area, std::uint32_t offset,
                             std::uint32_t used) noexcept {
  Record record;
  std::memcpy(&record, area.data() + offset, sizeof record);
  if (record.kind > Kind::distribution || record.scale > finest_scale) return std::nullopt;
  const std::size_t size = aligned(sizeof(Record) + record.name_length + record.labels_length);
  if (record.size != size || size > used - offset) return std::nullopt;
  if (record.cell % 8 != 0 ||
      record.cell + 8 * cell_words(record.kind, record.scale) > cells_bytes) {
    return std::nullopt;
  }
  const auto* name = reinterpret_cast<const char*>(area.data() + offset + sizeof record);
  return Place{
      record, {name, record.name_length}, {name + record.name_length, record.labels_length}};
}

/// Bytes of pages that a block has given out.
std::atomic_ref<std::uint64_t> pages_of(std::byte* block) noexcept {
  return word(cell_at(block, cells_bytes), 0);
}
constexpr std::size_t first_page = cells_bytes + 8;

/// An octave, and the offset of its page from the block's start.
constexpr std::uint64_t packed(int octave, std::size_t offset) noexcept {
  return static_cast<std::uint64_t>(octave - lowest_octave + 1) << 32 | offset;
}

std::optional<Page> unpacked(std::byte* block, int scale, std::uint64_t entry) noexcept {
  const int octave = static_cast<int>(entry >> 32) + lowest_octave - 1;
  const auto offset = static_cast<std::uint32_t>(entry);
  const bool fits = octave >= lowest_octave && octave <= highest_octave && offset % 8 == 0 &&
                    offset >= first_page && offset + 8 * page_words(scale) <= block_bytes;
  if (!fits) return std::nullopt;
  return Page{octave, cell_at(block, offset)};
}

/// Offset of a page that nobody has; 0 when there is none.
std::size_t take_page(std::byte* block, int scale) noexcept {
  const std::size_t size = 8 * page_words(scale);
  auto given = pages_of(block).load(std::memory_order_relaxed);
  do {
    if (given > block_bytes - first_page - size) return 0;
  } while (!pages_of(block).compare_exchange_weak(given, given + size, std::memory_order_relaxed));
  return first_page + given;
}

}  // namespace

std::size_t dense_count(int scale) noexcept { return static_cast<std::size_t>(octaves) << scale; }

std::size_t cell_words(Kind kind, int scale) noexcept {
  return kind == Kind::distribution ? distribution_counts + dense_count(scale) : 1;
}

void clear(std::span<std::byte> area) noexcept {
  auto* header = header_of(area);
  const Header untouched{};
  if (used_bytes(area) != 0) {
    zero_cells(area);
    std::memset(area.data() + sizeof(Header), 0, directory_bytes - sizeof(Header));
  } else if (std::memcmp(header, &untouched, sizeof untouched) != 0) {
    std::memset(area.data(), 0, area.size());
  }
  magic_of(area).store(0, std::memory_order_release);
  used_of(area).store(sizeof(Header), std::memory_order_release);
  version_of(area).store(area_version, std::memory_order_relaxed);
  header->cells = 0;
  std::atomic_ref{header->blocks}.store(1, std::memory_order_relaxed);
  magic_of(area).store(area_magic, std::memory_order_release);
}

std::uint32_t used_bytes(std::span<const std::byte> area) noexcept {
  if (room_for_blocks(area) == 0) return 0;
  if (magic_of(area).load(std::memory_order_acquire) != area_magic) return 0;
  if (version_of(area).load(std::memory_order_relaxed) != area_version) return 0;
  const auto used = used_of(area).load(std::memory_order_acquire);
  return used < sizeof(Header) || used > directory_bytes ? 0 : used;
}

std::uint32_t block_count(std::span<const std::byte> area) noexcept {
  const auto shown = std::atomic_ref{header_of(area)->blocks}.load(std::memory_order_acquire);
  return std::min(shown, static_cast<std::uint32_t>(room_for_blocks(area)));
}

void show_blocks(std::byte* area, std::uint32_t count) noexcept {
  const std::atomic_ref shown{reinterpret_cast<Header*>(area)->blocks};
  auto before = shown.load(std::memory_order_relaxed);
  while (before < count && !shown.compare_exchange_weak(before, count)) {
  }
}

std::optional<Place> next(std::span<const std::byte> area, std::uint32_t used,
                          std::uint32_t& offset) noexcept {
  if (offset + sizeof(Record) > used) return std::nullopt;
  const auto place = checked(area, offset, used);
  if (place) offset += place->record.size;
  return place;
}

std::optional<Place> find(std::span<const std::byte> area, std::string_view name,
                          std::string_view labels) noexcept {
  const auto used = used_bytes(area);
  std::uint32_t offset = sizeof(Header);
  while (const auto place = next(area, used, offset)) {
    if (place->name == name && place->labels == labels) return place;
  }
  return std::nullopt;
}

std::optional<Place> append(std::span<std::byte> area, std::string_view name,
                            std::string_view labels, Kind kind) noexcept {
  const auto used = used_bytes(area);
  const int scale = kind != Kind::distribution ? 0 : labels.empty() ? finest_scale : labelled_scale;
  const std::size_t size = aligned(sizeof(Record) + name.size() + labels.size());
  const std::size_t cell_size = 8 * cell_words(kind, scale);
  auto* header = header_of(area);
  if (used == 0 || size > directory_bytes - used || header->cells > cells_bytes ||
      cell_size > cells_bytes - header->cells) {
    return std::nullopt;
  }
  auto* record = reinterpret_cast<Record*>(area.data() + used);
  record->size = static_cast<std::uint32_t>(size);
  record->cell = header->cells;
  record->name_length = static_cast<std::uint16_t>(name.size());
  record->labels_length = static_cast<std::uint16_t>(labels.size());
  record->kind = kind;
  record->scale = static_cast<std::uint8_t>(scale);
  record->reserved = 0;
  auto* text_at = reinterpret_cast<char*>(record + 1);
  if (!name.empty()) std::memcpy(text_at, name.data(), name.size());
  if (!labels.empty()) std::memcpy(text_at + name.size(), labels.data(), labels.size());
  const auto place = checked(area, used, static_cast<std::uint32_t>(used + size));
  if (!place) return std::nullopt;
  header->cells += static_cast<std::uint32_t>(cell_size);
  used_of(area).store(static_cast<std::uint32_t>(used + size), std::memory_order_release);
  return place;
}

void zero_cells(std::span<std::byte> area) noexcept {
  const auto blocks = block_count(area);
  for (std::uint32_t index = 0; index < blocks; ++index) {
    std::memset(block_at(area.data(), index), 0, block_bytes);
  }
}

void copy_directory(std::span<const std::byte> from, std::span<std::byte> into) noexcept {
  clear(into);
  const auto used = used_bytes(from);
  std::uint32_t offset = sizeof(Header);
  while (const auto place = next(from, used, offset)) {
    if (!append(into, place->name, place->labels, place->record.kind)) return;
  }
}

std::optional<Page> page_at(std::byte* block, std::uint64_t* cell, int scale,
                            std::size_t index) noexcept {
  if (index >= pages_per_distribution) return std::nullopt;
  return unpacked(block, scale,
                  word(cell, distribution_pages + index).load(std::memory_order_acquire));
}

std::uint64_t* page_for(std::byte* block, std::uint64_t* cell, int scale, int octave) noexcept {
  if (octave < lowest_octave || octave > highest_octave) return nullptr;
  for (std::size_t index = 0; index < pages_per_distribution; ++index) {
    const auto entry = word(cell, distribution_pages + index);
    auto seen = entry.load(std::memory_order_acquire);
    if (seen == 0) {
      const auto offset = take_page(block, scale);
      if (offset == 0) return nullptr;
      // another writer may have been faster: its page counts, and this one stays unused
      if (entry.compare_exchange_strong(seen, packed(octave, offset), std::memory_order_acq_rel)) {
        return cell_at(block, static_cast<std::uint32_t>(offset));
      }
    }
    const auto page = unpacked(block, scale, seen);
    if (page && page->octave == octave) return page->counts;
  }
  return nullptr;
}

}  // namespace selfscale::metrics
