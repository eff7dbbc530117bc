// What DigitalOcean answers: it is understood, or refused in words; a spec that is understood can
// be sent back with another count, and nothing else of it is another.
#include "drivers/digitalocean/api.hpp"
#include "invariants.hpp"

namespace selfscale::fuzz {
namespace {

using namespace drivers;

const digitalocean::Target target{"4f6c71e2-1e90-4762-9fee-6cc4a0a9f2cf", "web"};

template <class T>
void hold_failure(const Result<T>& read) {
  if (read) return;
  const auto code = read.error().code;
  hold(code == Errc::malformed || code == Errc::not_found || code == Errc::failed,
       "an answer is malformed, or there is nothing to scale: " + read.error().message);
  hold(is_utf8(read.error().message), "a failure is UTF-8: " + read.error().message);
}

void hold_document(const digitalocean::App& app) {
  hold(app.desired >= 0, "a count is not negative");
  const auto other = digitalocean::with_count(target, app.spec, 7);
  hold_failure(other);
  if (!other) return;
  const auto body = digitalocean::put_spec(target, *other).call.body;
  const auto again = digitalocean::parse_app(target, R"({"app":)" + body + "}");
  hold(again && again->desired == 7, "what is sent has the count");
  const auto back = digitalocean::with_count(target, again->spec, app.desired);
  const auto before = digitalocean::with_count(target, app.spec, app.desired);
  hold(back->dump() == before->dump(), "and nothing else is another");
}

void hold_takeover(const digitalocean::App& app) {
  if (app.autoscaler.empty()) return;
  const auto taken = digitalocean::with_takeover(target, app, 7);
  hold_failure(taken);
  if (!taken) return;
  const auto sent = digitalocean::Document{{"app", {{"spec", *taken}}}}.dump();
  const auto during = digitalocean::parse_app(target, sent);
  hold(during && during->autoscaler.empty() && during->desired == 7, "a takeover leaves a count");
  hold(during->before_takeover == app.autoscaling, "a takeover keeps what was there");
  const auto back = digitalocean::with_autoscaling_back(target, *during);
  hold(back.has_value(), "what was taken can be given back");
  const auto again = digitalocean::Document{{"app", {{"spec", *back}}}}.dump();
  const auto after = digitalocean::parse_app(target, again);
  hold(after && after->autoscaling == app.autoscaling && !after->before_takeover,
       "what was taken is given back");
}

void read(std::string_view text) {
  const auto app = digitalocean::parse_app(target, text);
  hold_failure(app);
  if (app) hold_document(*app);
  if (app) hold_takeover(*app);
  const auto instances = digitalocean::parse_instances(target, text);
  hold_failure(instances);
  hold(!instances || *instances >= 0, "a count is not negative");
  const auto component = digitalocean::parse_component_of("web-76b8-0", text);
  hold_failure(component);
  hold(!component || is_utf8(*component), "a component's name is UTF-8");
  const auto ready = digitalocean::parse_ready(target, text);
  hold_failure(ready);
  hold(!ready || *ready >= 0, "a count is not negative");
  const auto deployment = digitalocean::parse_deployment(text);
  hold_failure(deployment);
  hold(!deployment || is_utf8(deployment->why), "words are UTF-8");
  const auto refusal = hosted::parse(text);
  if (refusal) {
    const auto words = http::shortened(digitalocean::words_of(*refusal));
    hold(words.size() < 1'010 && is_utf8(words), "a refusal is short, and UTF-8");
  }
}

}  // namespace
}  // namespace selfscale::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  selfscale::fuzz::read(selfscale::fuzz::text_of(data, size));
  return 0;
}
