#include "exposition/collect.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "exposition/names.hpp"

namespace selfscale::exposition {
namespace {

using metrics::Entry;
using metrics::Kind;

/// One label set of a recorded metric, over all processes.
struct Merged {
  std::uint64_t count = 0;
  double value = 0.0;
  metrics::Buckets buckets;
};
using Recorded = std::map<std::pair<std::string, Kind>, std::map<std::string, Merged>>;

void merge(Recorded& recorded, const std::vector<Entry>& entries, bool is_alive) {
  for (const auto& entry : entries) {
    if (entry.kind == Kind::gauge && !is_alive) continue;
    auto& series = recorded[{entry.name, entry.kind}];
    const auto [found, is_new] = series.try_emplace(entry.labels);
    auto& merged = found->second;
    merged.count += entry.count;
    merged.value += entry.value;
    if (is_new) {
      merged.buckets = entry.buckets;
    } else {
      merged.buckets.add(entry.buckets);
    }
  }
}

/// To 44 bits: the order in which processes' sums are added changes when one of them ends, and with
/// it the last bits. A counter that seems to go backwards would be taken for one that began anew.
double without_last_bits(double sum) noexcept {
  constexpr int bits = 44;
  int exponent = 0;
  const double mantissa = std::frexp(sum, &exponent);
  return std::ldexp(std::round(std::ldexp(mantissa, bits)), exponent - bits);
}

Type type_of(Kind kind) noexcept {
  switch (kind) {
    case Kind::counter:
      return Type::counter;
    case Kind::gauge:
      return Type::gauge;
    case Kind::distribution:
      break;
  }
  return Type::histogram;
}

Series series_of(Kind kind, const Merged& merged, Labels labels, double per_unit) {
  Series series{std::move(labels), 0.0, {}};
  switch (kind) {
    case Kind::counter:
      series.value = static_cast<double>(merged.count) / per_unit;
      break;
    case Kind::gauge:
      series.value = merged.value / per_unit;
      break;
    case Kind::distribution:
      series.buckets = merged.buckets;
      series.buckets.sum = without_last_bits(merged.buckets.sum);
      break;
  }
  return series;
}

using FamilyMap = std::map<std::tuple<std::string, Type>, Family>;

Family& family_at(FamilyMap& families, std::string name, Type type, std::string_view help,
                  std::string_view unit) {
  auto& family = families[{name, type}];
  if (family.name.empty()) {
    family = {std::move(name), type, std::string{help}, std::string{unit}, {}};
  }
  return family;
}

/// Label texts that come to the same labels are one series.
void add(Family& family, Series series) {
  const auto known = std::ranges::find(family.series, series.labels, &Series::labels);
  if (known == family.series.end()) {
    family.series.push_back(std::move(series));
    return;
  }
  known->value += series.value;
  if (family.type == Type::histogram) known->buckets.add(series.buckets);
}

void add_known(FamilyMap& families, const Name& name,
               const std::map<std::string, Merged>& recorded) {
  if (name.family.empty()) return;
  auto& family =
      family_at(families, std::string{name.family}, type_of(name.kind), name.help, name.unit);
  const bool has_labels = !recorded.rbegin()->first.empty();
  for (const auto& [text, merged] : recorded) {
    if (has_labels && text.empty()) continue;
    auto labels = labels_in(text);
    rename(labels, "route", name.route_label);
    rename(labels, "method", name.method_label);
    add(family, series_of(name.kind, merged, std::move(labels), name.per_unit));
  }
}

void add_own(FamilyMap& families, const std::string& recorded_name, Kind kind,
             const std::map<std::string, Merged>& recorded) {
  auto name = family_name(recorded_name, kind);
  const auto unit = unit_of(name);
  const auto help = "Recorded by the app as " + recorded_name + ".";
  auto& family = family_at(families, name, type_of(kind), help, unit);
  for (const auto& [text, merged] : recorded) {
    add(family, series_of(kind, merged, labels_in(text), 1.0));
  }
}

std::vector<std::string> sample_names(const Family& family) {
  const auto& name = family.name;
  switch (family.type) {
    case Type::counter:
      return {name, name + "_total", name + "_created"};
    case Type::gauge:
      return {name};
    case Type::histogram:
      break;
  }
  return {name, name + "_bucket", name + "_sum", name + "_count", name + "_created"};
}

std::string_view type_suffix(Type type) noexcept {
  switch (type) {
    case Type::counter:
      return "_counter";
    case Type::gauge:
      return "_gauge";
    case Type::histogram:
      break;
  }
  return "_histogram";
}

/// Two families may not share the name of a sample.
void make_distinct(std::vector<Family>& families) {
  std::set<std::string> taken;
  std::ranges::stable_sort(families, {}, &Family::type);
  for (auto& family : families) {
    const auto is_taken = [&] {
      return std::ranges::any_of(sample_names(family),
                                 [&](const auto& name) { return taken.contains(name); });
    };
    while (is_taken()) {
      family.name += type_suffix(family.type);
      family.unit.clear();
    }
    std::ranges::copy(sample_names(family), std::inserter(taken, taken.end()));
  }
  std::ranges::sort(families, {}, &Family::name);
}

}  // namespace

std::vector<Family> collect(const Sources& sources) {
  Recorded recorded;
  for (const auto& entries : sources.living) merge(recorded, entries, /*is_alive=*/true);
  for (const auto& entries : sources.ended) merge(recorded, entries, /*is_alive=*/false);

  FamilyMap by_name;
  for (const auto& [key, series] : recorded) {
    const auto& [name, kind] = key;
    const auto known = names_of(name, kind);
    for (const auto& each : known) add_known(by_name, each, series);
    if (known.empty()) add_own(by_name, name, kind, series);
  }
  std::vector<Family> families = sources.others;
  for (auto& [key, family] : by_name) families.push_back(std::move(family));
  make_distinct(families);
  return families;
}

}  // namespace selfscale::exposition
