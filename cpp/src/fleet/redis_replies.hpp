/// Reads what a Redis server answers, in RESP3, piece by piece as it comes. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace selfscale::fleet {

/// What one command was answered.
struct Reply {
  std::string error;  ///< the server's words; empty: it was carried out
  std::vector<std::string> values;
};

/// Takes whole replies off what was received, for one exchange: what is said aside is no reply, and
/// is dropped (attributes; pushes, which nobody asked for). Boost.Redis' parser is not for servers
/// that nobody knows: "$\r\n" ends the process, and it writes beyond its array at streams in
/// streams.
class Replies {
 public:
  /// False: it is no RESP3, or more than any answer to us; then nothing more may be taken.
  bool take(std::string_view bytes);
  std::vector<Reply>& all() { return all_; }

 private:
  enum class Step { taken, incomplete, wrong };
  struct Aggregate {
    std::size_t lacks;  ///< so many elements
    bool is_aside;
  };

  Step take_one();
  Step take_blob(std::string_view length, std::size_t start, bool is_error);
  Step open(char kind, std::string_view count);
  Step add(std::string_view value, bool is_error);
  void close_one();

  std::string received_;
  std::size_t read_ = 0;         ///< of `received_`
  std::size_t taken_ = 0;        ///< of all bytes of this exchange
  std::vector<Aggregate> open_;  ///< the outermost first
  Reply reply_;
  std::vector<Reply> all_;
};

}  // namespace selfscale::fleet
