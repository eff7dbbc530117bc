#include "request_metrics.hpp"

#include <ctime>
#include <optional>

#include "metric_types.hpp"

namespace selfscale::python {
namespace {

double wall_seconds() noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

std::string_view bytes_of(PyObject* object) noexcept {
  if (PyBytes_Check(object) == 0) return {};
  return {PyBytes_AS_STRING(object), static_cast<std::size_t>(PyBytes_GET_SIZE(object))};
}

bool is_sequence(PyObject* object) noexcept {
  return object != nullptr && (PyTuple_Check(object) != 0 || PyList_Check(object) != 0);
}

/// The host of an ASGI scope's `client`; empty where it has none, as over a Unix socket.
std::string_view host_of(PyObject* client) noexcept {
  if (!is_sequence(client) || PySequence_Fast_GET_SIZE(client) == 0) return {};
  return ascii_of(PySequence_Fast_GET_ITEM(client, 0));
}

/// The start by X-Request-Start or, without a valid one, by X-Queue-Start.
class Starts {
 public:
  void read_request_start(std::string_view value) { by_request_.merge(read(value)); }
  void read_queue_start(std::string_view value) { by_queue_.merge(read(value)); }
  [[nodiscard]] RequestStart earliest() const {
    RequestStart start = by_request_;
    if (!start.queue_seconds) start.merge(by_queue_);
    return start;
  }
  /// Seconds since the epoch, when the first was read; empty: none was.
  [[nodiscard]] std::optional<double> now() const { return now_; }

 private:
  RequestStart read(std::string_view value) {
    if (!now_) now_ = wall_seconds();
    return python::read_request_start(value, *now_);
  }
  std::optional<double> now_;
  RequestStart by_request_;
  RequestStart by_queue_;
};

Starts starts_in_headers(PyObject* headers) {
  Starts starts;
  if (!is_sequence(headers)) return starts;
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(headers); ++i) {
    PyObject* header = PySequence_Fast_GET_ITEM(headers, i);
    if (!is_sequence(header) || PySequence_Fast_GET_SIZE(header) != 2) continue;
    const std::string_view name = bytes_of(PySequence_Fast_GET_ITEM(header, 0));
    PyObject* value = PySequence_Fast_GET_ITEM(header, 1);
    if (is(name, "x-request-start")) starts.read_request_start(bytes_of(value));
    if (is(name, "x-queue-start")) starts.read_queue_start(bytes_of(value));
  }
  return starts;
}

}  // namespace

RequestMetrics::RequestMetrics(const std::shared_ptr<Agent>& agent)
    : requests_{agent->counter("requests_total")},
      errors_{agent->counter("errors_total")},
      in_flight_{agent->gauge("in_flight")},
      response_time_{agent->distribution("response_time")},
      queue_time_{agent->distribution("request_queue_time")},
      refused_starts_{agent->counter("request_start_refused_total")},
      routes_{agent, keys_},
      sockets_{agent->counter("websockets_total")},
      socket_errors_{agent->counter("websocket_errors_total")},
      open_sockets_{agent->gauge("websockets_open")} {}

// Field by field: a structure that is copied just after it was written makes the processor wait.
void RequestMetrics::enter(Measured& request, Interface interface) const noexcept {
  in_flight_.inc();
  request.status = 0;
  request.interface = interface;
  request.is_counted = false;
  request.has_left = false;
  request.started = monotonic_nanoseconds();
}

void RequestMetrics::record_start_of_scope(PyObject* scope) {
  const Starts starts = starts_in_headers(at(scope, keys_.headers));
  if (starts.now())
    record_start(starts.earliest(), host_of(at(scope, keys_.client)), *starts.now());
}

void RequestMetrics::record_start_of_environ(PyObject* environ) {
  Starts starts;
  if (PyObject* value = at(environ, keys_.request_start))
    starts.read_request_start(ascii_of(value));
  if (PyObject* value = at(environ, keys_.queue_start)) starts.read_queue_start(ascii_of(value));
  if (!starts.now()) return;
  PyObject* host = at(environ, keys_.remote_address);
  record_start(starts.earliest(), host != nullptr ? ascii_of(host) : "", *starts.now());
}

void RequestMetrics::record_start(const RequestStart& start, std::string_view host, double now) {
  if (start.queue_seconds) queue_time_.observe(skews_.waited(host, *start.queue_seconds, now));
  if (start.refused) refused_starts_.inc();
}

/// Counts the request, once.
void RequestMetrics::count(Measured& request, PyObject* context, Answer answer) {
  if (request.is_counted) return;
  request.is_counted = true;
  const double took = static_cast<double>(monotonic_nanoseconds() - request.started) * 1e-9;
  RouteSeries* route = request.interface == Interface::asgi ? routes_.of_scope(context)
                                                            : routes_.of_environ(context);
  requests_.inc();
  if (answer.is_error) errors_.inc();
  if (answer.is_timed) response_time_.observe(took);
  if (route == nullptr) return;
  route->requests(answer.status).inc();
  if (answer.is_error) route->errors.inc();
  if (answer.is_timed) route->response_time.observe(took);
}

void RequestMetrics::answered(Measured& request, PyObject* context) {
  count(request, context, {request.status, request.status >= 500, /*is_timed=*/true});
}

/// An answer that was begun and not finished by an app that did not fail is one that the client no
/// longer wanted: an error only if it says so itself. Without an answer the server answers 500.
void RequestMetrics::leave(Measured& request, PyObject* context, Ending ending) {
  if (request.has_left) return;
  request.has_left = true;
  in_flight_.dec();
  const bool was_cut =
      ending == Ending::left || (ending == Ending::returned && request.status != 0);
  const int status = request.status == 0 && !was_cut ? 500 : request.status;
  count(request, context, {status, status >= 500 || !was_cut, /*is_timed=*/!was_cut});
}

void RequestMetrics::accepted(MeasuredSocket& socket) const noexcept {
  if (socket.is_open || socket.has_left) return;
  socket.is_open = true;
  sockets_.inc();
  open_sockets_.inc();
}

void RequestMetrics::leave(MeasuredSocket& socket, Ending ending) const noexcept {
  if (socket.has_left) return;
  socket.has_left = true;
  if (socket.is_open) open_sockets_.dec();
  if (ending == Ending::raised) socket_errors_.inc();
}

}  // namespace selfscale::python
