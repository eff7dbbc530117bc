// Reading a block that others write, and folding one block's counts into another's.
#include "metrics/block.hpp"
#include "metrics/registry.hpp"

namespace selfscale::metrics {
namespace {

/// Only the buckets between the first and the last that counted anything.
Buckets read_buckets(const Place& place) {
  Buckets buckets;
  buckets.scale = place.record.scale;
  buckets.above_edge = upper_edge;
  buckets.sum = real(place.cell, distribution_sum).load(std::memory_order_relaxed);
  buckets.zero = word(place.cell, distribution_zero).load(std::memory_order_relaxed);
  buckets.above = word(place.cell, distribution_above).load(std::memory_order_relaxed);
  const auto dense = dense_count(buckets.scale);
  auto count_at = [&](std::size_t i) {
    return word(place.cell, distribution_counts + i).load(std::memory_order_relaxed);
  };
  std::size_t first = 0;
  while (first < dense && count_at(first) == 0) ++first;
  std::size_t end = dense;
  while (end > first && count_at(end - 1) == 0) --end;
  buckets.counts.reserve(end - first);
  for (std::size_t i = first; i < end; ++i) buckets.counts.push_back(count_at(i));
  if (end > first)
    buckets.offset = first_octave * (1 << buckets.scale) + static_cast<std::int32_t>(first);
  return buckets;
}

Entry read_entry(const Place& place) {
  Entry entry;
  entry.name = place.name;
  entry.labels = place.labels;
  entry.kind = place.record.kind;
  switch (entry.kind) {
    case Kind::counter:
      entry.count = word(place.cell, 0).load(std::memory_order_relaxed);
      break;
    case Kind::gauge:
      entry.value = real(place.cell, gauge_value).load(std::memory_order_relaxed);
      break;
    case Kind::distribution:
      entry.buckets = read_buckets(place);
      break;
  }
  return entry;
}

void add_word(std::uint64_t* from, std::uint64_t* into, std::size_t index) noexcept {
  const auto counted = word(from, index).load(std::memory_order_relaxed);
  if (counted != 0) word(into, index).fetch_add(counted, std::memory_order_relaxed);
}

void fold_cell(const Place& from, const Place& into) noexcept {
  if (from.record.kind == Kind::counter) return add_word(from.cell, into.cell, 0);
  const auto words = cell_words(Kind::distribution, from.record.scale);
  for (std::size_t i = distribution_zero; i < words; ++i) add_word(from.cell, into.cell, i);
  const double sum = real(from.cell, distribution_sum).load(std::memory_order_relaxed);
  real(into.cell, distribution_sum).fetch_add(sum, std::memory_order_relaxed);
}

}  // namespace

std::vector<Entry> read(std::span<const std::byte> block) {
  std::vector<Entry> entries;
  const auto used = used_bytes(block);
  std::uint32_t offset = sizeof(Header);
  while (const auto place = next(block, used, offset)) entries.push_back(read_entry(*place));
  if (used != 0 && offset != used) entries.clear();
  return entries;
}

bool fold(std::span<const std::byte> from, std::span<std::byte> into) noexcept {
  if (used_bytes(into) == 0) clear(into);
  bool complete = true;
  const auto used = used_bytes(from);
  std::uint32_t offset = sizeof(Header);
  while (const auto place = next(from, used, offset)) {
    const Kind kind = place->record.kind;
    if (kind == Kind::gauge) continue;
    auto there = find(into, place->name, place->labels);
    if (!there) there = append(into, place->name, place->labels, kind);
    if (there && there->record.kind == kind && there->record.scale == place->record.scale) {
      fold_cell(*place, *there);
    } else {
      complete = false;
    }
  }
  return complete;
}

}  // namespace selfscale::metrics
