#include "metrics/registry.hpp"

#include <array>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <selfscale/error.hpp>

#include "metrics/block.hpp"

namespace selfscale {
namespace {

constexpr double largest = std::numeric_limits<double>::max();

}  // namespace

void Counter::inc(std::uint64_t by) const noexcept {
  auto* cell = reinterpret_cast<std::uint64_t*>(registry_->cell(cell_));
  metrics::word(cell, 0).fetch_add(by, std::memory_order_relaxed);
}

void Gauge::set(double value) const noexcept {
  if (!(value >= 0.0 && value <= largest)) return registry_->refuse();
  auto* cell = reinterpret_cast<std::uint64_t*>(registry_->cell(cell_));
  metrics::real(cell, metrics::gauge_value).store(value, std::memory_order_relaxed);
}

void Gauge::add(double by) const noexcept {
  if (!(by >= -largest && by <= largest)) return registry_->refuse();
  auto* cell = reinterpret_cast<std::uint64_t*>(registry_->cell(cell_));
  metrics::real(cell, metrics::gauge_value).fetch_add(by, std::memory_order_relaxed);
}

void Distribution::observe(double value) const noexcept {
  using namespace metrics;
  if (!(value >= 0.0 && value <= largest)) return registry_->refuse();
  auto* cell = reinterpret_cast<std::uint64_t*>(registry_->cell(cell_));
  std::size_t at = distribution_zero;
  if (value > upper_edge) {
    at = distribution_above;
  } else if (value > lower_edge) {
    const auto scale =
        static_cast<int>(word(cell, distribution_scale).load(std::memory_order_relaxed));
    const int bucket = (bucket_at_scale_6(value) - first_octave * 64) >> (unlabelled_scale - scale);
    at = distribution_counts + static_cast<std::size_t>(bucket);
  }
  word(cell, at).fetch_add(1, std::memory_order_relaxed);
  real(cell, distribution_sum).fetch_add(value, std::memory_order_relaxed);
}

namespace metrics {
namespace {

/// Of the records that every block begins with: refused recordings, then one overflow cell per
/// kind.
constexpr std::array<std::string_view, 3> overflow_names{
    "selfscale_overflow_total", "selfscale_overflow", "selfscale_overflow_distribution"};

constexpr std::size_t longest_text = 512;

std::span<std::byte> whole(std::byte* base) noexcept { return {base, block_bytes}; }

void take_word(std::uint64_t* from, std::uint64_t* into, std::size_t index) noexcept {
  const auto counted = word(from, index).exchange(0, std::memory_order_relaxed);
  if (counted != 0) word(into, index).fetch_add(counted, std::memory_order_relaxed);
}

/// Brings over what a gauge has gained since the last time: exact for add(); of two set() that race
/// with the move itself either may win.
void take_gauge(std::uint64_t* from, std::uint64_t* into) noexcept {
  const double value = real(from, gauge_value).load(std::memory_order_relaxed);
  const double moved = real(from, gauge_moved).exchange(value, std::memory_order_relaxed);
  if (value != moved) real(into, gauge_value).fetch_add(value - moved, std::memory_order_relaxed);
}

/// Moves what has been counted in `from` to the cells at the same offsets of `into`. Nothing
/// counted meanwhile is lost: it stays for the next time.
void take_all(std::span<const std::byte> from, std::byte* into) noexcept {
  const auto used = used_bytes(from);
  std::uint32_t offset = sizeof(Header);
  while (const auto place = next(from, used, offset)) {
    auto* cell = reinterpret_cast<std::uint64_t*>(into + place->record.cell);
    switch (place->record.kind) {
      case Kind::counter:
        take_word(place->cell, cell, 0);
        break;
      case Kind::gauge:
        take_gauge(place->cell, cell);
        break;
      case Kind::distribution: {
        const auto words = cell_words(Kind::distribution, place->record.scale);
        for (std::size_t i = distribution_zero; i < words; ++i) take_word(place->cell, cell, i);
        const double sum =
            real(place->cell, distribution_sum).exchange(0.0, std::memory_order_relaxed);
        if (sum != 0.0) real(cell, distribution_sum).fetch_add(sum, std::memory_order_relaxed);
        break;
      }
    }
  }
}

void copy_gauges(std::span<const std::byte> from, std::byte* into) noexcept {
  const auto used = used_bytes(from);
  std::uint32_t offset = sizeof(Header);
  while (const auto place = next(from, used, offset)) {
    if (place->record.kind != Kind::gauge) continue;
    auto* cell = reinterpret_cast<std::uint64_t*>(into + place->record.cell);
    real(cell, gauge_value).store(real(place->cell, gauge_value).load(std::memory_order_relaxed));
  }
}

int label_sets(std::span<const std::byte> block, std::string_view name) noexcept {
  int sets = 0;
  const auto used = used_bytes(block);
  std::uint32_t offset = sizeof(Header);
  while (const auto place = next(block, used, offset)) {
    if (place->name == name && !place->labels.empty()) ++sets;
  }
  return sets;
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

std::uint32_t refused_cell() noexcept {
  return sizeof(Header) + sizeof(Record) + (refused_name.size() + 7) / 8 * 8;
}

}  // namespace

void Registry::Free::operator()(std::byte* memory) const noexcept { std::free(memory); }

Registry::Registry() : home_{static_cast<std::byte*>(std::calloc(1, block_bytes))} {
  if (!home_) throw std::bad_alloc{};
  clear(whole(home_.get()));
  append(whole(home_.get()), refused_name, {}, Kind::counter);
  append(whole(home_.get()), overflow_names[0], {}, Kind::counter);
  append(whole(home_.get()), overflow_names[1], {}, Kind::gauge);
  append(whole(home_.get()), overflow_names[2], "labels=any", Kind::distribution);
  base_.store(home_.get(), std::memory_order_release);
}

Registry::~Registry() = default;

std::uint32_t Registry::cell_for(std::string_view name, std::string_view labels, Kind kind) {
  const std::scoped_lock lock{mutex_};
  const auto block = whole(base_.load(std::memory_order_relaxed));
  check(find_name(block, name), name, labels, kind);
  if (const auto known = find(block, name, labels)) return known->record.cell;
  if (labels.empty() || label_sets(block, name) < label_sets_per_name) {
    if (const auto made = append(block, name, labels, kind)) return made->record.cell;
  }
  refuse();
  const auto overflow = static_cast<std::size_t>(kind);
  return find_name(block, overflow_names[overflow])->record.cell;
}

Counter Registry::counter(std::string_view name, std::string_view labels) {
  return {this, cell_for(name, labels, Kind::counter)};
}

Gauge Registry::gauge(std::string_view name, std::string_view labels) {
  return {this, cell_for(name, labels, Kind::gauge)};
}

Distribution Registry::distribution(std::string_view name, std::string_view labels) {
  return {this, cell_for(name, labels, Kind::distribution)};
}

void Registry::take_what_came_late(std::byte* into) noexcept {
  for (auto* block : left_) take_all(whole(block), into);
}

void Registry::move_to(std::span<std::byte> block) {
  const std::scoped_lock lock{mutex_};
  auto* from = base_.load(std::memory_order_relaxed);
  if (block.data() == from) return;
  take_what_came_late(from);
  std::erase(left_, block.data());
  left_.push_back(from);
  copy_records(whole(from), block);
  take_all(whole(from), block.data());  // gauges above all: a set() there must find the old value
  base_.store(block.data(), std::memory_order_release);
  take_all(whole(from), block.data());
}

void Registry::move_home() {
  const std::scoped_lock lock{mutex_};
  auto* from = base_.load(std::memory_order_relaxed);
  if (from == home_.get()) return;
  take_what_came_late(from);
  left_.clear();  // what is recorded late stays in the slot, among the counts that stay there
  copy_records(whole(from), whole(home_.get()));
  copy_gauges(whole(from), home_.get());
  base_.store(home_.get(), std::memory_order_release);
}

void Registry::settle() noexcept {
  const std::scoped_lock lock{mutex_};
  take_what_came_late(base_.load(std::memory_order_relaxed));
}

void Registry::restart_in(std::span<std::byte> block) noexcept {
  copy_records(whole(base_.load(std::memory_order_relaxed)), block);
  left_.clear();
  base_.store(block.data(), std::memory_order_release);
}

void Registry::restart_at_home() noexcept {
  auto* from = base_.load(std::memory_order_relaxed);
  if (from != home_.get()) return restart_in(whole(home_.get()));
  zero_cells(whole(from));
  left_.clear();
}

void Registry::lock_for_fork() noexcept { mutex_.lock(); }

void Registry::unlock_after_fork() noexcept { mutex_.unlock(); }

std::span<const std::byte> Registry::block() const noexcept {
  return whole(base_.load(std::memory_order_acquire));
}

void Registry::refuse() const noexcept {
  word(reinterpret_cast<std::uint64_t*>(cell(refused_cell())), 0)
      .fetch_add(1, std::memory_order_relaxed);
}

std::uint64_t Registry::refused() const noexcept {
  return word(reinterpret_cast<std::uint64_t*>(cell(refused_cell())), 0)
      .load(std::memory_order_relaxed);
}

}  // namespace metrics
}  // namespace selfscale
