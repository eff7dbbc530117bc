// What a server in Redis' place answers: replies, the same in whatever pieces they come and
// whatever is said aside before them, or no RESP3.
#include "fleet/redis_replies.hpp"
#include "invariants.hpp"

namespace selfscale::fuzz {
namespace {

using namespace fleet;

/// Up to where it is refused.
bool take(Replies& replies, std::string_view text, std::size_t piece) {
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) {
    if (!replies.take(text.substr(0, piece))) return false;
  }
  return true;
}

void expect_same(Replies& replies, Replies& whole) {
  hold(replies.all().size() == whole.all().size(), "there are as many replies");
  for (std::size_t i = 0; i < whole.all().size(); ++i) {
    hold(replies.all()[i].values == whole.all()[i].values, "they have the same values");
    hold(replies.all()[i].error == whole.all()[i].error, "they have the same words");
  }
}

void read(std::string_view text) {
  Replies whole;
  const bool is_resp = take(whole, text, text.size());
  std::size_t bytes = 0;
  for (const auto& reply : whole.all()) {
    bytes += reply.error.size();
    for (const auto& value : reply.values) bytes += value.size();
  }
  hold(bytes <= text.size(), "there are no more words than were said");
  for (const std::size_t piece : {1U, 3U, 7U}) {
    Replies pieces;
    hold(take(pieces, text, piece) == is_resp, "pieces are understood as the whole is");
    expect_same(pieces, whole);
  }
  Replies after_asides;
  take(after_asides, ">1\r\n-ERR x\r\n|1\r\n+k\r\n*1\r\n+v\r\n", 7);
  hold(take(after_asides, text, text.size()) == is_resp,
       "what follows is understood as it is alone");
  expect_same(after_asides, whole);
}

}  // namespace
}  // namespace selfscale::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  selfscale::fuzz::read(selfscale::fuzz::text_of(data, size));
  return 0;
}
