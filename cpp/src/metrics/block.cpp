#include "metrics/block.hpp"

#include <cstring>

namespace selfscale::metrics {
namespace {

constexpr std::size_t aligned(std::size_t bytes) noexcept { return (bytes + 7) & ~std::size_t{7}; }

// Readers of const memory load atomically, too; atomic_ref takes no const before C++26.
Header* header_of(std::span<const std::byte> block) noexcept {
  return reinterpret_cast<Header*>(const_cast<std::byte*>(block.data()));
}

std::atomic_ref<std::uint64_t> magic_of(std::span<const std::byte> block) noexcept {
  return std::atomic_ref<std::uint64_t>{header_of(block)->magic};
}

std::atomic_ref<std::uint32_t> used_of(std::span<const std::byte> block) noexcept {
  return std::atomic_ref<std::uint32_t>{header_of(block)->used};
}

/// Empty when the record, whose header lies in bounds, contradicts itself.
std::optional<Place> checked(std::span<const std::byte> block, std::uint32_t offset,
                             std::uint32_t used) noexcept {
  Record record;
  std::memcpy(&record, block.data() + offset, sizeof record);
  if (record.kind > Kind::distribution || record.scale > unlabelled_scale) return std::nullopt;
  const std::size_t text = aligned(sizeof(Record) + record.name_length + record.labels_length);
  const std::size_t size = text + 8 * cell_words(record.kind, record.scale);
  if (record.size != size || size > used - offset || record.cell != offset + text)
    return std::nullopt;
  const auto* name = reinterpret_cast<const char*>(block.data() + offset + sizeof record);
  auto* cell = reinterpret_cast<std::uint64_t*>(const_cast<std::byte*>(block.data()) + record.cell);
  return Place{
      record, {name, record.name_length}, {name + record.name_length, record.labels_length}, cell};
}

void clear_cell(const Place& place) noexcept {
  const auto words = cell_words(place.record.kind, place.record.scale);
  for (std::size_t i = 0; i < words; ++i) word(place.cell, i).store(0, std::memory_order_relaxed);
  if (place.record.kind == Kind::distribution) {
    word(place.cell, distribution_scale).store(place.record.scale, std::memory_order_relaxed);
  }
}

}  // namespace

std::size_t dense_count(int scale) noexcept { return static_cast<std::size_t>(octaves) << scale; }

std::size_t cell_words(Kind kind, int scale) noexcept {
  switch (kind) {
    case Kind::counter:
      return 1;
    case Kind::gauge:
      return gauge_words;
    case Kind::distribution:
      break;
  }
  return distribution_counts + dense_count(scale);
}

void clear(std::span<std::byte> block) noexcept {
  magic_of(block).store(0, std::memory_order_release);
  used_of(block).store(sizeof(Header), std::memory_order_release);
  std::memset(block.data() + sizeof(Header), 0, block.size() - sizeof(Header));
  header_of(block)->version = block_version;
  magic_of(block).store(block_magic, std::memory_order_release);
}

std::uint32_t used_bytes(std::span<const std::byte> block) noexcept {
  if (block.size() < sizeof(Header)) return 0;
  if (magic_of(block).load(std::memory_order_acquire) != block_magic) return 0;
  if (header_of(block)->version != block_version) return 0;
  const auto used = used_of(block).load(std::memory_order_acquire);
  return used < sizeof(Header) || used > block.size() ? 0 : used;
}

std::optional<Place> next(std::span<const std::byte> block, std::uint32_t used,
                          std::uint32_t& offset) noexcept {
  if (offset + sizeof(Record) > used) return std::nullopt;
  const auto place = checked(block, offset, used);
  if (place) offset += place->record.size;
  return place;
}

std::optional<Place> find(std::span<const std::byte> block, std::string_view name,
                          std::string_view labels) noexcept {
  const auto used = used_bytes(block);
  std::uint32_t offset = sizeof(Header);
  while (const auto place = next(block, used, offset)) {
    if (place->name == name && place->labels == labels) return place;
  }
  return std::nullopt;
}

std::optional<Place> append(std::span<std::byte> block, std::string_view name,
                            std::string_view labels, Kind kind) noexcept {
  const auto used = used_bytes(block);
  const int scale = kind != Kind::distribution ? 0
                    : labels.empty()           ? unlabelled_scale
                                               : labelled_scale;
  const std::size_t text = aligned(sizeof(Record) + name.size() + labels.size());
  const std::size_t size = text + 8 * cell_words(kind, scale);
  if (used == 0 || size > block.size() - used) return std::nullopt;

  auto* record = reinterpret_cast<Record*>(block.data() + used);
  record->size = static_cast<std::uint32_t>(size);
  record->cell = static_cast<std::uint32_t>(used + text);
  record->name_length = static_cast<std::uint16_t>(name.size());
  record->labels_length = static_cast<std::uint16_t>(labels.size());
  record->kind = kind;
  record->scale = static_cast<std::uint8_t>(scale);
  record->reserved = 0;
  auto* text_at = reinterpret_cast<char*>(record + 1);
  if (!name.empty()) std::memcpy(text_at, name.data(), name.size());
  if (!labels.empty()) std::memcpy(text_at + name.size(), labels.data(), labels.size());
  const auto place = checked(block, used, static_cast<std::uint32_t>(used + size));
  if (!place) return std::nullopt;
  clear_cell(*place);
  used_of(block).store(static_cast<std::uint32_t>(used + size), std::memory_order_release);
  return place;
}

void zero_cells(std::span<std::byte> block) noexcept {
  const auto used = used_bytes(block);
  std::uint32_t offset = sizeof(Header);
  while (const auto place = next(block, used, offset)) clear_cell(*place);
}

void copy_records(std::span<const std::byte> from, std::span<std::byte> into) noexcept {
  clear(into);
  const auto used = used_bytes(from);
  std::uint32_t offset = sizeof(Header);
  while (const auto place = next(from, used, offset)) {
    if (!append(into, place->name, place->labels, place->record.kind)) return;
  }
}

}  // namespace selfscale::metrics
