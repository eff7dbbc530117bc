#include "policy/expression.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "policy/metrics.hpp"

namespace selfscale {
namespace {

using Kind = Operation::Kind;

bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }
bool begins_name(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || letter == '_';
}
bool continues_name(char letter) {
  return begins_name(letter) || is_digit(letter) || letter == '.' || letter == ':';
}

/// Recursive descent, straight into postfix. After the first error nothing more is read.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_{text} {}

  ParsedExpression parse() {
    expression();
    if (!failed() && peek() != '\0') fail("expected an operator or the end");
    if (!failed() && at_ < text_.size()) fail("is not a character of an expression");
    return std::move(parsed_);
  }

 private:
  [[nodiscard]] bool failed() const { return parsed_.error.has_value(); }

  void fail(std::string message) {
    if (!failed()) parsed_.error = SyntaxError{at_, std::move(message)};
  }

  /// The next letter that is not a space; NUL at the end.
  char peek() {
    constexpr std::string_view spaces = " \t\r\n";
    at_ = std::min(text_.find_first_not_of(spaces, at_), text_.size());
    return at_ < text_.size() ? text_[at_] : '\0';
  }

  bool take(char letter) {
    if (failed() || peek() != letter) return false;
    ++at_;
    return true;
  }

  /// One level deeper while `read` is at work.
  template <class Read>
  void nested(Read read) {
    if (++depth_ > deepest_expression) {
      fail("is nested too deeply, over " + std::to_string(deepest_expression) + " levels");
    } else {
      read();
    }
    --depth_;
  }

  void push(Operation operation) {
    parsed_.operations.push_back(operation);
    if (++in_hand_ > deepest_expression) {
      fail("has too much in hand at once; take it apart into several metrics");
    }
  }
  void combine(Kind kind) {
    parsed_.operations.push_back({kind});
    --in_hand_;
  }

  void expression() {
    term();
    while (!failed()) {
      if (take('+')) {
        term();
        combine(Kind::add);
      } else if (take('-')) {
        term();
        combine(Kind::subtract);
      } else {
        return;
      }
    }
  }

  void term() {
    factor();
    while (!failed()) {
      if (take('*')) {
        factor();
        combine(Kind::multiply);
      } else if (take('/')) {
        factor();
        combine(Kind::divide);
      } else {
        return;
      }
    }
  }

  void factor() {
    if (failed()) return;
    const char letter = peek();
    if (take('(')) return nested([this] { parenthesis(); });
    if (take('-')) {
      return nested([this] {
        factor();
        parsed_.operations.push_back({Kind::negate});
      });
    }
    if (is_digit(letter) || letter == '.') return number();
    if (begins_name(letter)) return name();
    fail(R"(expected a number, a name or "(")");
  }

  void parenthesis() {
    expression();
    if (!take(')')) fail("expected a closing parenthesis");
  }

  void number() {
    double value = 0.0;
    const char* const begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (error != std::errc{} || !std::isfinite(value)) return fail("is not a number");
    at_ += static_cast<std::size_t>(end - begin);
    push({Kind::number, value});
  }

  void name() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && continues_name(text_[at_])) ++at_;
    const std::string_view name = text_.substr(begin, at_ - begin);
    const bool is_function = name == "min" || name == "max";
    if (is_function && take('(')) {
      return nested([this, name] { arguments(name == "min" ? Kind::min : Kind::max); });
    }
    push({Kind::metric, 0.0, number_of(name)});
  }

  void arguments(Kind kind) {
    expression();
    if (!take(',')) return fail(R"(expected ",": min and max take two values or more)");
    do {
      expression();
      combine(kind);
    } while (take(','));
    if (!take(')')) fail("expected a comma or a closing parenthesis");
  }

  int number_of(std::string_view name) {
    auto& names = parsed_.names;
    const auto found = std::find(names.begin(), names.end(), name);
    const auto number = static_cast<int>(found - names.begin());
    if (found == names.end()) names.emplace_back(name);
    return number;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
  int in_hand_ = 0;
  ParsedExpression parsed_;
};

/// Puts expressions into an order in which each comes after those it is computed from.
class Ordering {
 public:
  explicit Ordering(const CompiledPolicy& policy)
      : policy_{policy}, marks_(policy.expressions.size(), Mark::unseen) {}

  /// The metrics of a circle, as "a -> b -> a"; empty: there is none.
  std::string visit(int index) {
    Mark& mark = marks_[static_cast<std::size_t>(index)];
    const Expression& expression = policy_.expressions[static_cast<std::size_t>(index)];
    const std::string& name = policy_.metrics[static_cast<std::size_t>(expression.metric)].name;
    if (mark == Mark::done) return {};
    if (mark == Mark::open) return name;
    mark = Mark::open;
    for (const Operation& operation : expression.operations) {
      if (operation.kind != Kind::metric) continue;
      const int other = policy_.metrics[static_cast<std::size_t>(operation.metric)].expression;
      if (other < 0) continue;
      if (const std::string circle = visit(other); !circle.empty()) return name + " -> " + circle;
    }
    mark = Mark::done;
    order_.push_back(index);
    return {};
  }

  [[nodiscard]] const std::vector<int>& order() const { return order_; }

 private:
  enum class Mark : std::uint8_t { unseen, open, done };
  const CompiledPolicy& policy_;
  std::vector<Mark> marks_;
  std::vector<int> order_;
};

void read_expression(Reader& entry, std::size_t metric, CompiledPolicy& policy) {
  const auto text = entry.text("value");
  if (!text) return;
  ParsedExpression parsed = parse_expression(*text);
  if (parsed.error) {
    return entry.wrong("value", "character " + std::to_string(parsed.error->position + 1) + ": " +
                                    parsed.error->message);
  }
  std::vector<int> numbers;
  for (const std::string& name : parsed.names) {
    numbers.push_back(metric_number(entry, "value", name, policy));
  }
  for (Operation& operation : parsed.operations) {
    if (operation.kind != Kind::metric) continue;
    operation.metric = numbers[static_cast<std::size_t>(operation.metric)];
  }
  policy.metrics[metric].expression = static_cast<int>(policy.expressions.size());
  policy.expressions.push_back({*text, static_cast<int>(metric), std::move(parsed.operations)});
}

/// Ages of operands are judged by their own windows, so the result's must not cut them short.
void widen_window(const Expression& expression, CompiledPolicy& policy) {
  MetricSpec& result = policy.metrics[static_cast<std::size_t>(expression.metric)];
  for (const Operation& operation : expression.operations) {
    if (operation.kind != Kind::metric) continue;
    const MetricSpec& operand = policy.metrics[static_cast<std::size_t>(operation.metric)];
    result.window = std::max({result.window, operand.window, operand.missing_after});
  }
}

void put_in_order(const std::vector<int>& order, CompiledPolicy& policy) {
  std::vector<Expression> ordered;
  for (const int index : order) {
    ordered.push_back(std::move(policy.expressions[static_cast<std::size_t>(index)]));
    policy.metrics[static_cast<std::size_t>(ordered.back().metric)].expression =
        static_cast<int>(ordered.size()) - 1;
    widen_window(ordered.back(), policy);
  }
  policy.expressions = std::move(ordered);
}

}  // namespace

ParsedExpression parse_expression(std::string_view text) { return Parser{text}.parse(); }

void read_expressions(Reader& reader, CompiledPolicy& policy) {
  const Json* entries = reader.find("metrics");
  if (entries == nullptr || !entries->is_array()) return;
  std::vector<Reader> readers;  // of the entries with a value, in the order of expressions
  std::size_t metric = 0;
  for (std::size_t i = 0; i < entries->size(); ++i) {
    if (!(*entries)[i].is_object()) continue;
    Reader entry{(*entries)[i], reader.place("metrics") + '/' + std::to_string(i),
                 reader.findings()};
    read_expression(entry, metric, policy);
    if (policy.metrics[metric++].is_computed()) readers.push_back(std::move(entry));
  }
  if (policy.expressions.size() > static_cast<std::size_t>(most_expressions)) {
    return reader.wrong("metrics", "at most " + std::to_string(most_expressions) +
                                       " metrics can be computed from others");
  }
  Ordering ordering{policy};
  for (std::size_t i = 0; i < readers.size(); ++i) {
    if (const std::string circle = ordering.visit(static_cast<int>(i)); !circle.empty()) {
      return readers[i].wrong("value", "is computed from itself: " + circle);
    }
  }
  put_in_order(ordering.order(), policy);
}

}  // namespace selfscale
