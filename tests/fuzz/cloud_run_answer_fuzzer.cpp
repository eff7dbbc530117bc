// What Cloud Run and the places that give tokens answer: it is understood, or refused in words.
#include "drivers/cloud_run/api.hpp"
#include "drivers/cloud_run/credentials.hpp"
#include "invariants.hpp"

namespace selfscale::fuzz {
namespace {

using namespace drivers;

template <class T>
void hold_failure(const Result<T>& read) {
  if (read) return;
  const auto code = read.error().code;
  hold(code == Errc::malformed || code == Errc::unsupported,
       "an answer is malformed: " + read.error().message);
  hold(is_utf8(read.error().message), "a failure is UTF-8: " + read.error().message);
}

void read_tokens(std::string_view text) {
  hold_failure(cloud_run::parse_service_account(text));
  const auto token = cloud_run::parse_access_token(text);
  hold_failure(token);
  if (token) {
    hold(!token->token.empty() && token->lasts.count() >= 0, "a token is one");
    hold(token->token.reveal().find_first_of("\r\n") == std::string_view::npos,
         "a token ends no header");
  }
  http::Answer answer{400, {{"Metadata-Flavor", std::string{text}}}, std::string{text}};
  hold(cloud_run::check_metadata_server(answer).has_value() == (text == "Google"),
       "a metadata server says whose it is");
  answer.headers.clear();
  hold_failure(cloud_run::check_metadata_server(answer));
  const auto words = cloud_run::words_of_refusal(text);
  const auto refusal = http::failure_of({}, cloud_run::ask_metadata(), answer, words);
  hold(is_utf8(refusal.message) && refusal.message.size() < 2'000, "a refusal is short, and UTF-8");
  hold(cloud_run::base64url(text).find_first_of("+/=") == std::string::npos, "it fits into a URL");
}

void hold_takeover(const cloud_run::Target& target, const cloud_run::Workload& workload) {
  auto sent = hosted::Json::parse(cloud_run::take_over(target, 3, workload).call.body);
  sent["name"] = "web";
  const auto taken = cloud_run::parse_workload(target, sent.dump());
  hold(taken && taken->is_manual && taken->desired == 3, "a takeover leaves a count");
  hold(taken->before_takeover == workload.scaling, "a takeover keeps what was there");
  sent = hosted::Json::parse(cloud_run::give_back(target, *taken).call.body);
  hold(!sent["annotations"].contains(cloud_run::taken_over_annotation),
       "what is given back is kept no more");
}

void read(std::string_view text) {
  for (const auto kind : {cloud_run::Kind::service, cloud_run::Kind::worker_pool}) {
    const cloud_run::Target target{"p", "l", kind, "web"};
    const auto workload = cloud_run::parse_workload(target, text);
    hold_failure(workload);
    if (workload) {
      hold(workload->desired >= 0, "a count is not negative");
      hold(is_utf8(workload->failure), "words are UTF-8");
      hold(kind == cloud_run::Kind::service || workload->is_manual, "a pool is always manual");
      hold_takeover(target, *workload);
    }
    const auto operation = cloud_run::parse_operation(target, text);
    hold_failure(operation);
    if (operation) {
      const auto call = cloud_run::get_operation(operation->name).call;
      hold(call.target.starts_with("/v2/projects/p/locations/l/operations/") &&
               call.target.find("..") == std::string::npos,
           "an operation is of the same project: " + call.target);
    }
  }
  const auto refusal = hosted::parse(text);
  if (refusal) {
    const auto words = http::shortened(cloud_run::words_of(*refusal));
    hold(words.size() < 1'010 && is_utf8(words), "a refusal is short, and UTF-8");
  }
  read_tokens(text);
}

}  // namespace
}  // namespace selfscale::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  selfscale::fuzz::read(selfscale::fuzz::text_of(data, size));
  return 0;
}
