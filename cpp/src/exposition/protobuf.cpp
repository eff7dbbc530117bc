// The few parts of Protocol Buffers' wire format that the messages of io.prometheus.client need
// (https://protobuf.dev/programming-guides/encoding), and those messages.
#include <bit>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "exposition/format.hpp"
#include "exposition/histogram.hpp"

namespace selfscale::exposition {
namespace {

void append_varint(std::string& out, std::uint64_t value) {
  constexpr std::uint64_t more = 0x80;
  for (; value >= more; value >>= 7U) out += static_cast<char>(value | more);
  out += static_cast<char>(value);
}

/// Small numbers stay short, whatever their sign.
std::uint64_t zigzag(std::int64_t value) noexcept {
  return (static_cast<std::uint64_t>(value) << 1U) ^ static_cast<std::uint64_t>(value >> 63);
}

enum class Wire : unsigned { varint = 0, fixed64 = 1, delimited = 2 };

/// One message, field by field.
class Message {
 public:
  void put(unsigned field, std::string_view bytes) {
    begin(field, Wire::delimited);
    append_varint(bytes_, bytes.size());
    bytes_ += bytes;
  }
  void put(unsigned field, const Message& inner) { put(field, std::string_view{inner.bytes_}); }
  void put(unsigned field, std::uint64_t value) {
    begin(field, Wire::varint);
    append_varint(bytes_, value);
  }
  void put_signed(unsigned field, std::int64_t value) { put(field, zigzag(value)); }
  void put(unsigned field, double value) {
    begin(field, Wire::fixed64);
    const auto bits = std::bit_cast<std::uint64_t>(value);
    for (unsigned shift = 0; shift < 64; shift += 8) bytes_ += static_cast<char>(bits >> shift);
  }
  void put_packed(unsigned field, const std::vector<std::int64_t>& values) {
    std::string packed;
    for (const auto value : values) append_varint(packed, zigzag(value));
    if (!packed.empty()) put(field, std::string_view{packed});
  }
  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }

 private:
  void begin(unsigned field, Wire wire) {
    append_varint(bytes_, field << 3U | static_cast<unsigned>(wire));
  }
  std::string bytes_;
};

// Field numbers of io.prometheus.client (prometheus/client_model, metrics.proto).
namespace pair_field {
constexpr unsigned name = 1, value = 2;
}
namespace bucket_field {
constexpr unsigned cumulative_count = 1, upper_bound = 2;
}
namespace span_field {
constexpr unsigned offset = 1, length = 2;
}
namespace histogram_field {
constexpr unsigned sample_count = 1, sample_sum = 2, bucket = 3, schema = 5, zero_threshold = 6,
                   zero_count = 7, positive_span = 12, positive_delta = 13;
}
namespace metric_field {
constexpr unsigned label = 1, gauge = 2, counter = 3, histogram = 7;
}
namespace family_field {
constexpr unsigned name = 1, help = 2, type = 3, metric = 4, unit = 5;
}
constexpr unsigned value_field = 1;  // of Counter and Gauge

std::uint64_t type_number(Type type) noexcept {
  switch (type) {
    case Type::counter:
      return 0;
    case Type::gauge:
      return 1;
    case Type::histogram:
      break;
  }
  return 4;
}

Message bucket_message(std::uint64_t cumulative_count, double upper_bound) {
  Message bucket;
  bucket.put(bucket_field::cumulative_count, cumulative_count);
  bucket.put(bucket_field::upper_bound, upper_bound);
  return bucket;
}

void put_native(Message& message, const metrics::Buckets& buckets) {
  const Native native = native_histogram(buckets);
  message.put_signed(histogram_field::schema, native.schema);
  message.put(histogram_field::zero_threshold, zero_threshold);
  message.put(histogram_field::zero_count, native.zero_count);
  for (const auto& each : native.spans) {
    Message span;
    span.put_signed(span_field::offset, each.offset);
    span.put(span_field::length, std::uint64_t{each.length});
    message.put(histogram_field::positive_span, span);
  }
  message.put_packed(histogram_field::positive_delta, native.deltas);
}

Message histogram_message(const metrics::Buckets& buckets) {
  Message message;
  const auto count = buckets.count();
  message.put(histogram_field::sample_count, count);
  message.put(histogram_field::sample_sum, buckets.sum);
  const auto cumulative = cumulative_counts(buckets);
  for (std::size_t i = 0; i < classic_bounds.size(); ++i) {
    message.put(histogram_field::bucket, bucket_message(cumulative[i], classic_bounds[i]));
  }
  message.put(histogram_field::bucket,
              bucket_message(count, std::numeric_limits<double>::infinity()));
  put_native(message, buckets);
  return message;
}

Message metric_message(Type type, const Series& series) {
  Message message;
  for (const auto& label : series.labels) {
    Message pair;
    pair.put(pair_field::name, label.name);
    pair.put(pair_field::value, label.value);
    message.put(metric_field::label, pair);
  }
  if (type == Type::histogram) {
    message.put(metric_field::histogram, histogram_message(series.buckets));
    return message;
  }
  Message value;
  value.put(value_field, series.value);
  message.put(type == Type::counter ? metric_field::counter : metric_field::gauge, value);
  return message;
}

Message family_message(const Family& family) {
  Message message;
  message.put(family_field::name, family.name + (family.type == Type::counter ? "_total" : ""));
  message.put(family_field::help, family.help);
  message.put(family_field::type, type_number(family.type));
  for (const auto& series : family.series) {
    message.put(family_field::metric, metric_message(family.type, series));
  }
  if (!family.unit.empty()) message.put(family_field::unit, family.unit);
  return message;
}

}  // namespace

std::string render_protobuf(const std::vector<Family>& families) {
  std::string out;
  for (const auto& family : families) {
    const auto message = family_message(family);
    append_varint(out, message.bytes().size());
    out += message.bytes();
  }
  return out;
}

}  // namespace selfscale::exposition
