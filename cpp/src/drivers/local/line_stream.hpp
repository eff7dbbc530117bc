/// Lines over a descriptor that never blocks.
#pragma once

#include <string>
#include <vector>

#include "drivers/local/process.hpp"

namespace selfscale::drivers::local {

class LineStream {
 public:
  /// Sets the descriptor to non-blocking.
  explicit LineStream(Descriptor descriptor);

  [[nodiscard]] int descriptor() const noexcept { return descriptor_.get(); }
  /// False once the other side has closed it, sent an endless line, or lets answers pile up.
  [[nodiscard]] bool is_open() const noexcept { return descriptor_.is_open(); }
  [[nodiscard]] bool wants_to_write() const noexcept { return !outgoing_.empty(); }

  /// All whole lines that are there.
  std::vector<std::string> read();
  void write(const std::string& line);
  void flush();

 private:
  Descriptor descriptor_;
  std::string incoming_;
  std::string outgoing_;
};

}  // namespace selfscale::drivers::local
