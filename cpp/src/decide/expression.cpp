#include "decide/expression.hpp"

#include <algorithm>

#include "decide/readings.hpp"

namespace selfscale {
namespace {

using Kind = Operation::Kind;

struct Operand {
  double value = 0.0;
  Missing missing = Missing::no;
  Duration age{0};
};

/// The value for the service: over the instances that serve, where it is read from each. What is
/// not known of one of them would pass for less load, so then there is none.
Operand operand_of(const Situation& seen, std::size_t index) noexcept {
  const MetricSpec& metric = seen.policy.metrics[index];
  if (const Reading* reading = service_reading(seen, index)) {
    if (reading->is_missing()) return {0.0, reading->missing};
    return {reading->value, is_usable(*reading, metric) ? Missing::no : Missing::stale,
            reading->age};
  }
  Reduction values{metric.across};
  Duration age{0};
  for (const Instance& instance : seen.snapshot.instances) {
    const Standing standing = serving_standing(instance, metric, index);
    if (standing == Standing::missing) return {0.0, Missing::not_reported};
    if (standing != Standing::ready) continue;
    const Reading& reading = *reading_of(instance, metric, index);
    values.add(reading.value);
    age = std::max(age, reading.age);
  }
  if (values.count() == 0) return {0.0, Missing::not_reported};
  return {values.value(), Missing::no, age};
}

/// Division by zero and overflow give infinity or NaN. The smaller of infinity and a number is no
/// answer either, so it is marked at once.
struct Stack {
  std::array<double, deepest_expression> values{};
  std::size_t size = 0;
  bool is_defined = true;

  void push(double value) noexcept { values[size++] = value; }
  void apply(Kind kind) noexcept {
    const double right = values[--size];
    double& left = values[size - 1];
    switch (kind) {
      case Kind::add:
        left += right;
        break;
      case Kind::subtract:
        left -= right;
        break;
      case Kind::multiply:
        left *= right;
        break;
      case Kind::divide:
        left /= right;
        break;
      case Kind::min:
        left = std::min(left, right);
        break;
      case Kind::max:
        left = std::max(left, right);
        break;
      case Kind::number:
      case Kind::metric:
      case Kind::negate:
        break;
    }
    is_defined = is_defined && std::isfinite(left);
  }
};

}  // namespace

Reading evaluate(const Expression& expression, const Situation& seen) noexcept {
  Stack stack;
  Duration age{0};
  for (const Operation& operation : expression.operations) {
    switch (operation.kind) {
      case Kind::number:
        stack.push(operation.number);
        break;
      case Kind::metric: {
        const Operand operand = operand_of(seen, static_cast<std::size_t>(operation.metric));
        if (operand.missing != Missing::no) return Reading::absent(operand.missing);
        stack.push(operand.value);
        age = std::max(age, operand.age);
        break;
      }
      case Kind::negate:
        stack.values[stack.size - 1] = -stack.values[stack.size - 1];
        break;
      default:
        stack.apply(operation.kind);
    }
  }
  if (!stack.is_defined) return Reading::absent(Missing::not_reported);
  Reading reading = Reading::of(stack.values[0]);
  reading.age = age;
  return reading;
}

void Computed::work_out(Situation& seen) noexcept {
  const auto& expressions = seen.policy.expressions;
  for (std::size_t i = 0; i < expressions.size(); ++i) {
    readings_[i] = evaluate(expressions[i], seen);
    seen.computed = std::span{readings_}.first(i + 1);
  }
}

}  // namespace selfscale
