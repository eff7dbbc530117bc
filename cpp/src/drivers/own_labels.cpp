#include "drivers/own_labels.hpp"

#include "drivers/compose/api.hpp"
#include "drivers/docker/document.hpp"
#include "drivers/docker/engine.hpp"
#include "sampling/text.hpp"

namespace selfscale::drivers {

boost::asio::awaitable<Labels> own_labels(boost::asio::io_context& io, Duration patience) {
  const auto mounts = sampling::read_text("/proc/self/mountinfo").value_or("");
  const auto id = compose::own_container(mounts);
  if (id.empty()) co_return Labels{};
  docker::Engine engine{io, {}};
  const auto answer = co_await engine.ask(compose::get_container(id), Deadline{patience});
  co_return answer ? parse_labels(answer->body) : Labels{};
}

Labels parse_labels(std::string_view body) {
  const auto container = docker::Document::parse(body, nullptr, /*allow_exceptions=*/false);
  Labels labels;
  for (const auto& [name, value] : at(container, "Config", "Labels").items()) {
    labels.emplace(name, text(value));
  }
  return labels;
}

}  // namespace selfscale::drivers
