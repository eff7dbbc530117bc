#include "metrics/registry.hpp"

#include <array>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <selfscale/error.hpp>
#include <utility>

#include "metrics/area.hpp"
#include "metrics/thread_blocks.hpp"

namespace selfscale::metrics {
namespace {

using detail::largest;

/// Of the records that every area begins with: refused recordings, then one overflow cell per
/// kind.
constexpr std::array<std::string_view, 3> overflow_names{
    "selfscale_overflow_total", "selfscale_overflow", "selfscale_overflow_distribution"};

constexpr std::size_t longest_text = 512;

std::span<std::byte> whole(std::byte* base) noexcept { return {base, area_bytes}; }

/// The part of a word that has not been brought over yet; `moved` remembers what has.
std::uint64_t news(std::uint64_t* from, std::uint64_t* moved, std::size_t index) noexcept {
  const auto counted = word(from, index).load(std::memory_order_relaxed);
  return counted - std::exchange(moved[index], counted);
}

double real_news(std::uint64_t* from, std::uint64_t* moved, std::size_t index) noexcept {
  const double value = real(from, index).load(std::memory_order_relaxed);
  return value - std::exchange(reinterpret_cast<double&>(moved[index]), value);
}

/// One block as left behind, what has been brought over from it, and where to. Threads may still
/// write the first, and all share the last.
struct Carried {
  std::byte* from;
  std::byte* moved;
  std::byte* into;

  void take_run(std::uint64_t* at, std::uint64_t* sums, std::size_t size) const noexcept {
    auto* before =
        reinterpret_cast<std::uint64_t*>(moved + (reinterpret_cast<std::byte*>(at) - from));
    for (std::size_t i = 0; i < size; ++i) {
      const auto counted = news(at, before, i);
      if (counted != 0) word(sums, i).fetch_add(counted, std::memory_order_relaxed);
    }
  }

  void take_real(std::uint32_t cell, std::size_t index) const noexcept {
    const double gained = real_news(cell_at(from, cell), cell_at(moved, cell), index);
    if (gained != 0.0) {
      real(cell_at(into, cell), index).fetch_add(gained, std::memory_order_relaxed);
    }
  }

  void take_pages(std::uint32_t cell, int scale) const noexcept {
    auto* sums = cell_at(into, cell);
    for (std::size_t i = 0; i < pages_per_distribution; ++i) {
      const auto page = page_at(from, cell_at(from, cell), scale, i);
      if (!page) return;
      if (auto* counts = page_for(into, sums, scale, page->octave)) {
        take_run(page->counts, counts, page_words(scale));
        continue;
      }
      const auto beside = page->octave < first_octave ? distribution_zero : distribution_above;
      for (std::size_t at = 0; at < page_words(scale); ++at) {
        take_run(page->counts + at, sums + beside, 1);
      }
    }
  }

  void take(const Place& place) const noexcept {
    const auto cell = place.record.cell;
    auto* here = cell_at(from, cell);
    auto* sums = cell_at(into, cell);
    switch (place.record.kind) {
      case Kind::counter:
        return take_run(here, sums, 1);
      case Kind::gauge:  // exact for add(); of two set() that race with the move either may win
        return take_real(cell, 0);
      case Kind::distribution:
        break;
    }
    take_real(cell, distribution_sum);
    take_run(here + distribution_zero, sums + distribution_zero, 2);
    take_run(here + distribution_counts, sums + distribution_counts,
             dense_count(place.record.scale));
    take_pages(cell, place.record.scale);
  }
};

void copy_gauges(std::span<const std::byte> from, std::byte* into) noexcept {
  const auto used = used_bytes(from);
  std::uint32_t offset = sizeof(Header);
  while (const auto place = next(from, used, offset)) {
    if (place->record.kind != Kind::gauge) continue;
    const auto cell = place->record.cell;
    real(cell_at(block_at(into, 0), cell), 0)
        .store(real(cell_at(block_at(from.data(), 0), cell), 0).load(std::memory_order_relaxed));
  }
}

/// The count that a value adds to, wherever it lies; the value has been checked.
std::atomic_ref<std::uint64_t> count_of(std::byte* block, std::uint64_t* cell, int scale,
                                        double value) noexcept {
  constexpr double smallest = std::numeric_limits<double>::min();  // below, numbers have no octave
  if (value <= smallest) return word(cell, distribution_zero);
  const int bucket = bucket_at_scale_6(value) >> (finest_scale - scale);
  const int octave = bucket >> scale;
  if (octave >= first_octave && octave < first_octave + octaves) {
    return word(cell,
                distribution_counts + static_cast<std::size_t>(bucket - (first_octave << scale)));
  }
  if (auto* page = page_for(block, cell, scale, octave)) {
    return word(page, static_cast<std::size_t>(bucket & ((1 << scale) - 1)));
  }
  return word(cell, octave < first_octave ? distribution_zero : distribution_above);
}

/// Those that stand for themselves alone.
int label_sets(std::span<const std::byte> block, std::string_view name) noexcept {
  int sets = 0;
  const auto used = used_bytes(block);
  std::uint32_t offset = sizeof(Header);
  while (const auto place = next(block, used, offset)) {
    const bool is_one = !place->labels.empty() && place->labels != overflow_labels;
    if (place->name == name && is_one) ++sets;
  }
  return sets;
}

int most_label_sets(Kind kind) noexcept {
  return kind == Kind::counter ? label_sets_per_counter : label_sets_per_name;
}

/// With the first label set of a name, so that no other name takes the room. Gauges have none:
/// values that different label sets are set to make no sum.
void reserve_overflow(std::span<std::byte> area, std::string_view name, Kind kind) noexcept {
  if (kind == Kind::gauge || find(area, name, overflow_labels)) return;
  append(area, name, overflow_labels, kind);
}

std::string_view word_for(Kind kind) noexcept {
  switch (kind) {
    case Kind::counter:
      return "a counter";
    case Kind::gauge:
      return "a gauge";
    case Kind::distribution:
      break;
  }
  return "a distribution";
}

void check(const std::optional<Place>& known, std::string_view name, std::string_view labels,
           Kind kind) {
  if (name.empty()) throw Error{Errc::invalid_argument, "a metric needs a name"};
  if (name.size() + labels.size() > longest_text) {
    throw Error{Errc::invalid_argument,
                "the name and labels of a metric are at most 512 bytes; \"" +
                    std::string{name.substr(0, 40)} + "…\" has more"};
  }
  if (known && known->record.kind != kind) {
    throw Error{Errc::invalid_argument, "metric \"" + std::string{name} + "\" is " +
                                            std::string{word_for(known->record.kind)} +
                                            " already; " + std::string{word_for(kind)} +
                                            " needs another name"};
  }
}

/// Any record of that name: all label sets of a name are of one kind.
std::optional<Place> find_name(std::span<const std::byte> block, std::string_view name) noexcept {
  const auto used = used_bytes(block);
  std::uint32_t offset = sizeof(Header);
  while (const auto place = next(block, used, offset)) {
    if (place->name == name) return place;
  }
  return std::nullopt;
}

/// The record that every area begins with.
constexpr std::uint32_t refused_cell = 0;

std::atomic<std::uint64_t> recorders{0};

}  // namespace

// --- recording, but for what is inline ---

Recorder::Recorder() noexcept : id_{recorders.fetch_add(1) + 1} {}

std::byte* Recorder::take_cells() const noexcept {
  const auto& registry = static_cast<const Registry&>(*this);  // as every recorder is
  const auto* writer = writer_of_thread(id_, registry.blocks_, registry.base_);
  return writer == nullptr ? nullptr : writer->cells.load(std::memory_order_acquire);
}

const Writer* Recorder::block_for_interpreter() const noexcept {
  const auto& registry = static_cast<const Registry&>(*this);
  if (interpreter_ == nullptr) interpreter_ = registry.blocks_->take(registry.base_);
  return interpreter_;
}

void Recorder::count_shared(std::uint32_t cell, std::uint64_t by) const noexcept {
  auto* block = shared_cells_.load(std::memory_order_acquire);
  word(cell_at(block, cell), 0).fetch_add(by, std::memory_order_relaxed);
}

void Recorder::observe_shared(std::uint32_t cell, int scale, double value) const noexcept {
  auto* block = shared_cells_.load(std::memory_order_acquire);
  if (!(value >= 0.0 && value <= largest)) return refuse();
  auto* at = cell_at(block, cell);
  count_of(block, at, scale, value).fetch_add(1, std::memory_order_relaxed);
  real(at, distribution_sum).fetch_add(value, std::memory_order_relaxed);
}

void Recorder::observe_outside(std::byte* cells, std::uint32_t cell, int scale,
                               double value) const noexcept {
  if (!(value >= 0.0 && value <= largest)) return refuse();
  const auto count = count_of(cells, cell_at(cells, cell), scale, value);
  count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  add_alone(word_at<double>(cells, cell, distribution_sum), value);
}

void Recorder::refuse() const noexcept { count_shared(refused_cell, 1); }

// --- the registry ---

struct Registry::Left {
  std::byte* area;  ///< null: taken over by a fork's child, which has nothing to fetch
  std::unique_ptr<std::byte, Free> moved;  ///< blocks as they were when fetched last
};

void Registry::Free::operator()(std::byte* memory) const noexcept { std::free(memory); }

Registry::Registry()
    : home_{static_cast<std::byte*>(std::calloc(1, area_bytes))},
      blocks_{std::make_shared<ThreadBlocks>()} {
  if (!home_) throw std::bad_alloc{};
  clear(whole(home_.get()));
  append(whole(home_.get()), refused_name, {}, Kind::counter);
  append(whole(home_.get()), overflow_names[0], {}, Kind::counter);
  append(whole(home_.get()), overflow_names[1], {}, Kind::gauge);
  append(whole(home_.get()), overflow_names[2], "labels=any", Kind::distribution);
  record_in(home_.get());
}

Registry::~Registry() = default;

void Registry::record_in(std::byte* area) noexcept {
  base_.store(area);
  show_blocks(area, blocks_->shown());
  shared_cells_.store(block_at(area, 0), std::memory_order_release);
  blocks_->move_to(area);
}

Registry::Cell Registry::cell_for(std::string_view name, std::string_view labels, Kind kind) {
  const std::scoped_lock lock{mutex_};
  const auto area = whole(base_.load(std::memory_order_relaxed));
  const auto cell_of = [](const Place& place) {
    return Cell{place.record.cell, place.record.scale};
  };
  check(find_name(area, name), name, labels, kind);
  if (!labels.empty()) reserve_overflow(area, name, kind);
  if (const auto known = find(area, name, labels)) return cell_of(*known);
  if (labels.empty() || label_sets(area, name) < most_label_sets(kind)) {
    if (const auto made = append(area, name, labels, kind)) return cell_of(*made);
  }
  count_shared(refused_cell, 1);
  const auto beside = labels.empty() ? std::nullopt : find(area, name, overflow_labels);
  if (beside) return cell_of(*beside);
  return cell_of(*find_name(area, overflow_names[static_cast<std::size_t>(kind)]));
}

Counter Registry::counter(std::string_view name, std::string_view labels) {
  return {this, cell_for(name, labels, Kind::counter).offset};
}

Gauge Registry::gauge(std::string_view name, std::string_view labels) {
  return {this, cell_for(name, labels, Kind::gauge).offset};
}

Distribution Registry::distribution(std::string_view name, std::string_view labels) {
  const auto cell = cell_for(name, labels, Kind::distribution);
  return {this, cell.offset, cell.scale};
}

void Registry::take_what_came_late(std::byte* into) noexcept {
  for (const auto& left : left_) {
    if (left.area == nullptr) continue;
    const auto area = whole(left.area);
    const auto used = used_bytes(area);
    std::uint32_t offset = sizeof(Header);
    while (const auto place = next(area, used, offset)) {
      for (std::uint32_t index = 0; index < block_count(area); ++index) {
        Carried{block_at(left.area, index), left.moved.get() + index * block_bytes,
                block_at(into, 0)}
            .take(*place);
      }
    }
  }
}

void Registry::move_to(std::span<std::byte> area) {
  const std::scoped_lock lock{mutex_};
  auto* from = base_.load(std::memory_order_relaxed);
  if (area.data() == from) return;
  Left left{from, std::unique_ptr<std::byte, Free>{
                      static_cast<std::byte*>(std::calloc(area_bytes - directory_bytes, 1))}};
  if (!left.moved) throw std::bad_alloc{};
  take_what_came_late(from);
  std::erase_if(left_,
                [&](const Left& each) { return each.area == nullptr || each.area == area.data(); });
  left_.push_back(std::move(left));
  copy_directory(whole(from), area);
  take_what_came_late(area.data());  // gauges above all: a set() there must find the old value
  record_in(area.data());
  take_what_came_late(area.data());
}

void Registry::move_home() {
  const std::scoped_lock lock{mutex_};
  auto* from = base_.load(std::memory_order_relaxed);
  if (from == home_.get()) return;
  take_what_came_late(from);
  left_.clear();  // what is recorded late stays in the slot, among the counts that stay there
  copy_directory(whole(from), whole(home_.get()));
  copy_gauges(whole(from), home_.get());
  record_in(home_.get());
}

void Registry::settle() noexcept {
  const std::scoped_lock lock{mutex_};
  take_what_came_late(base_.load(std::memory_order_relaxed));
}

/// Of the parent's threads this one alone lives on, and whoever holds the interpreter lock.
void Registry::forget_parents_threads() noexcept {
  for (auto& left : left_) left.area = nullptr;
  const std::array kept{known_writer_of_thread(id_), interpreter_};
  blocks_->keep_only(kept);
}

void Registry::restart_in(std::span<std::byte> area) noexcept {
  forget_parents_threads();
  copy_directory(whole(base_.load(std::memory_order_relaxed)), area);
  record_in(area.data());
}

void Registry::restart_at_home() noexcept {
  auto* from = base_.load(std::memory_order_relaxed);
  if (from != home_.get()) return restart_in(whole(home_.get()));
  forget_parents_threads();
  zero_cells(whole(from));
}

void Registry::lock_for_fork() noexcept { mutex_.lock(); }

void Registry::unlock_after_fork() noexcept { mutex_.unlock(); }

std::span<const std::byte> Registry::block() const noexcept {
  return whole(base_.load(std::memory_order_acquire));
}

std::uint64_t Registry::refused() const noexcept {
  auto* block = shared_cells_.load(std::memory_order_acquire);
  return word(cell_at(block, refused_cell), 0).load(std::memory_order_relaxed);
}

}  // namespace selfscale::metrics
