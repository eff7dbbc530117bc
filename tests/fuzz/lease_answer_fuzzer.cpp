// What the Kubernetes API answers of a Lease: it is understood, or refused in words; a text that is
// written comes back as it was, under a name that the API takes.
#include <algorithm>

#include "fleet/kubernetes_lease.hpp"
#include "invariants.hpp"

namespace selfscale::fuzz {
namespace {

using namespace fleet;

void hold_name(const std::string& name) {
  hold(name.starts_with("selfscale-") && name.back() != '-' && name.back() != '.',
       "a name begins and ends with a letter: " + name);
  hold(std::ranges::all_of(name,
                           [](char letter) {
                             return (letter >= 'a' && letter <= 'z') ||
                                    (letter >= '0' && letter <= '9') || letter == '-' ||
                                    letter == '.';
                           }),
       "a name is one of RFC 1123: " + name);
}

void hold_answer(std::string_view text) {
  const auto kept = parse_lease("selfscale-lease-web", text);
  if (!kept) {
    hold(kept.error().code == Errc::malformed, "an answer is malformed");
    hold(is_utf8(kept.error().message), "a failure is UTF-8: " + kept.error().message);
    return;
  }
  hold(!kept->version.empty(), "a Lease that was found has a version");
  hold(kept->runs_out_unchanged_for >= Duration{0}, "a time is not negative");
  hold(is_utf8(kept->text) && is_utf8(kept->version), "texts are UTF-8");
}

void hold_refusals(std::string_view text) {
  http::Call call;
  http::Answer answer;
  answer.body = text;
  for (const int status : {401, 403, 409, 503}) {
    answer.status = status;
    const auto refusal = lease_refusal({}, call, answer, "selfscale-lease-web");
    hold(is_utf8(refusal.message), "a refusal is UTF-8: " + refusal.message);
    hold(refusal.message.size() < 2'000, "a refusal is not endless");
    hold(refusal.permission.empty() == (status != 403), "what is denied has a name");
  }
}

void hold_written(std::string_view text) {
  for (const auto kind : {Key::Kind::lease, Key::Kind::switches, Key::Kind::published}) {
    const Wanted wanted{{kind, std::string{text}}, std::string{text}, "7", "me", Duration{30'000}};
    hold_name(lease_name(wanted.key));
    const auto written = parse_lease("", lease_manifest("shop", wanted, {}));
    hold(written.has_value(), "what is written is a Lease");
    hold(written->version == "7" && written->is_held, "with what it was written over");
    hold(written->runs_out_unchanged_for == Duration{30'000}, "for as long as it was asked for");
    hold(written->text == text || !is_utf8(std::string{text}), "and with its text");
  }
}

void read(std::string_view text) {
  hold_answer(text);
  hold_refusals(text);
  hold_written(text);
}

}  // namespace
}  // namespace selfscale::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  selfscale::fuzz::read(selfscale::fuzz::text_of(data, size));
  return 0;
}
