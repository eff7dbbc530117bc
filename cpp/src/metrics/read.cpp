// Reading an area that others write, and folding the counts of one into another's.
#include <utility>

#include "metrics/area.hpp"
#include "metrics/registry.hpp"

namespace selfscale::metrics {
namespace {

std::uint64_t count_at(std::uint64_t* cell, std::size_t index) noexcept {
  return word(cell, index).load(std::memory_order_relaxed);
}

/// Only the buckets between the first and the last that counted anything.
Buckets run_of(std::uint64_t* counts, std::size_t size, int scale, int octave) {
  Buckets run;
  run.scale = scale;
  std::size_t first = 0;
  while (first < size && count_at(counts, first) == 0) ++first;
  std::size_t end = size;
  while (end > first && count_at(counts, end - 1) == 0) --end;
  run.counts.reserve(end - first);
  for (std::size_t i = first; i < end; ++i) run.counts.push_back(count_at(counts, i));
  if (end > first) run.offset = octave * (1 << scale) + static_cast<std::int32_t>(first);
  return run;
}

/// What one block counted.
Buckets read_buckets(std::byte* block, const Place& place) {
  const int scale = place.record.scale;
  auto* cell = cell_at(block, place.record.cell);
  Buckets buckets = run_of(cell + distribution_counts, dense_count(scale), scale, first_octave);
  buckets.above_edge = upper_edge;
  buckets.sum = real(cell, distribution_sum).load(std::memory_order_relaxed);
  buckets.zero = count_at(cell, distribution_zero);
  buckets.above = count_at(cell, distribution_above);
  for (std::size_t i = 0; i < pages_per_distribution; ++i) {
    const auto page = page_at(block, cell, scale, i);
    if (!page) break;
    buckets.add(run_of(page->counts, page_words(scale), scale, page->octave));
  }
  return buckets;
}

void add_block(Entry& entry, std::byte* block, const Place& place) {
  auto* cell = cell_at(block, place.record.cell);
  switch (entry.kind) {
    case Kind::counter:
      entry.count += count_at(cell, 0);
      break;
    case Kind::gauge:
      entry.value += real(cell, 0).load(std::memory_order_relaxed);
      break;
    case Kind::distribution:
      entry.buckets.add(read_buckets(block, place));
      break;
  }
}

Entry read_entry(std::span<const std::byte> area, const Place& place) {
  Entry entry;
  entry.name = place.name;
  entry.labels = place.labels;
  entry.kind = place.record.kind;
  if (entry.kind == Kind::distribution) entry.buckets.scale = place.record.scale;
  const auto blocks = block_count(area);
  for (std::uint32_t index = 0; index < blocks; ++index) {
    add_block(entry, block_at(area.data(), index), place);
  }
  return entry;
}

bool is_unused_overflow(const Entry& entry) {
  return entry.labels == overflow_labels && entry.count == 0 && entry.buckets.count() == 0;
}

void fold_run(std::uint64_t* from, std::uint64_t* into, std::size_t size) noexcept {
  for (std::size_t i = 0; i < size; ++i) {
    const auto counted = count_at(from, i);
    if (counted != 0) word(into, i).fetch_add(counted, std::memory_order_relaxed);
  }
}

/// The sums have one block. An octave for which they have no page is counted beside, as when
/// recording.
void fold_pages(std::byte* from, std::uint64_t* cell, std::byte* into, std::uint64_t* sums,
                int scale) noexcept {
  for (std::size_t i = 0; i < pages_per_distribution; ++i) {
    const auto page = page_at(from, cell, scale, i);
    if (!page) return;
    if (auto* counts = page_for(into, sums, scale, page->octave)) {
      fold_run(page->counts, counts, page_words(scale));
      continue;
    }
    const auto beside = page->octave < first_octave ? distribution_zero : distribution_above;
    for (std::size_t at = 0; at < page_words(scale); ++at) {
      word(sums, beside).fetch_add(count_at(page->counts, at), std::memory_order_relaxed);
    }
  }
}

void fold_block(std::byte* from, const Place& place, std::byte* into, const Place& there) noexcept {
  auto* cell = cell_at(from, place.record.cell);
  auto* sums = cell_at(into, there.record.cell);
  if (place.record.kind == Kind::counter) return fold_run(cell, sums, 1);
  const int scale = place.record.scale;
  fold_run(cell + distribution_zero, sums + distribution_zero, 2);
  fold_run(cell + distribution_counts, sums + distribution_counts, dense_count(scale));
  fold_pages(from, cell, into, sums, scale);
  const double sum = real(cell, distribution_sum).load(std::memory_order_relaxed);
  real(sums, distribution_sum).fetch_add(sum, std::memory_order_relaxed);
}

}  // namespace

std::vector<Entry> read(std::span<const std::byte> area) {
  std::vector<Entry> entries;
  const auto used = used_bytes(area);
  std::uint32_t offset = sizeof(Header);
  while (const auto place = next(area, used, offset)) {
    auto entry = read_entry(area, *place);
    if (!is_unused_overflow(entry)) entries.push_back(std::move(entry));
  }
  if (used != 0 && offset != used) entries.clear();
  return entries;
}

bool fold(std::span<const std::byte> from, std::span<std::byte> into) noexcept {
  if (used_bytes(into) == 0) clear(into);
  bool complete = true;
  const auto used = used_bytes(from);
  const auto blocks = used == 0 ? 0 : block_count(from);
  std::uint32_t offset = sizeof(Header);
  while (const auto place = next(from, used, offset)) {
    const Kind kind = place->record.kind;
    if (kind == Kind::gauge) continue;
    auto there = find(into, place->name, place->labels);
    if (!there) there = append(into, place->name, place->labels, kind);
    if (there && there->record.kind == kind && there->record.scale == place->record.scale) {
      for (std::uint32_t index = 0; index < blocks; ++index) {
        fold_block(block_at(from.data(), index), *place, block_at(into.data(), 0), *there);
      }
    } else {
      complete = false;
    }
  }
  return complete;
}

}  // namespace selfscale::metrics
