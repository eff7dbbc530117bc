// What Railway answers: it is understood, or refused in words; what is sent back is its own.
#include "drivers/railway/answers.hpp"
#include "invariants.hpp"

namespace selfscale::fuzz {
namespace {

using namespace drivers;

const railway::Target target{"p-1", "e-1", "s-1"};

template <class T>
void hold_failure(const Result<T>& read, Errc owed = Errc::malformed) {
  if (read) return;
  hold(read.error().code == owed, "an answer is malformed: " + read.error().message);
  hold(is_utf8(read.error().message), "a failure is UTF-8: " + read.error().message);
}

void hold_service(const railway::Service& service) {
  const int count = railway::total(service.regions);
  hold(count >= 0 && service.existing >= service.running && service.running >= 0,
       "counts are counts");
  for (const auto& each : objections(service)) hold(is_utf8(each.what), "words are UTF-8");
  const int regions = railway::in_use(service.regions);
  if (regions == 0) return;
  const auto shared = railway::shared_out(service.regions, regions + 7);
  hold(railway::total(shared) == regions + 7, "what is shared out is what was to be");
  const auto same = railway::with_counts(service, service.regions);
  for (const auto& [region, settings] : same.items()) {
    hold(settings["numReplicas"] == service.regions.at(region), "the same counts are the same");
  }
}

void read(std::string_view text) {
  for (const auto& request : {railway::get_service(target), railway::commit_regions(target, {})}) {
    const auto answered = railway::parse_answer(request, text);
    hold_failure(answered, request.call.is_query ? Errc::malformed : Errc::timed_out);
    if (!answered) continue;
    for (const auto& [field, failure] : answered->refusals) {
      hold(is_utf8(failure.message) && failure.message.size() < 1'100,
           "words are short, and UTF-8");
    }
    hold_failure(railway::parse_project_token(answered->data));
    const auto service = railway::parse_service(target, answered->data);
    hold_failure(service);
    if (service) hold_service(*service);
    hold(is_utf8(railway::parse_commit(answered->data)), "an id is UTF-8");
    hold(is_utf8(railway::parse_patch_error(answered->data)), "words are UTF-8");
  }
  const auto refusal = hosted::parse(text);
  hold_failure(refusal);
  if (refusal) hold(is_utf8(http::shortened(railway::words_of(*refusal))), "a refusal is UTF-8");
  const auto wait = hosted::wait_of(std::nullopt, text, hosted::Reset::not_said, {});
  hold(!wait || (wait->count() > 0 && wait->count() <= 86'400), "a wait is no longer than a day");
}

}  // namespace
}  // namespace selfscale::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  selfscale::fuzz::read(selfscale::fuzz::text_of(data, size));
  return 0;
}
