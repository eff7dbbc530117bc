/// Which connections there are, so that all of them can be broken off.
#pragma once

#include <vector>

namespace selfscale::http {

/// A connection in such a list, for as long as it lives; the list outlives it.
template <class Stream>
class Listed {
 public:
  Listed(std::vector<Stream*>& list, Stream& stream) : list_{list}, stream_{&stream} {
    list_.push_back(stream_);
  }
  Listed(const Listed&) = delete;
  Listed& operator=(const Listed&) = delete;
  ~Listed() { std::erase(list_, stream_); }

 private:
  std::vector<Stream*>& list_;
  Stream* stream_;
};

}  // namespace selfscale::http
