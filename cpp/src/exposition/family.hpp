/// What is exposed, whatever the format: families of series, as Prometheus names them.
#pragma once

#include <string>
#include <vector>

#include "metrics/buckets.hpp"

namespace selfscale::exposition {

struct Label {
  std::string name;
  std::string value;
  bool operator==(const Label&) const = default;
};
using Labels = std::vector<Label>;

/// A counter's or gauge's value, or a histogram's buckets.
struct Series {
  Labels labels;
  double value = 0.0;
  metrics::Buckets buckets;
};

enum class Type { counter, gauge, histogram };

struct Family {
  std::string name;  ///< a counter's without `_total`
  Type type = Type::gauge;
  std::string help;
  std::string unit;  ///< the base unit in which the name ends; may be empty
  std::vector<Series> series;
};

}  // namespace selfscale::exposition
