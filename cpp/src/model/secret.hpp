/// A password, token or key: it prints as `***`, and its memory is wiped when it goes.
#pragma once

#include <cstddef>
#include <memory>
#include <ostream>
#include <string_view>
#include <utility>

namespace selfscale {

/// Text that no log, message or test failure shows by accident: there is no conversion to a string,
/// and only reveal() gives the text. What reveal()'s caller copies is its own to keep.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view text) : text_{new char[text.size()]}, size_{text.size()} {
    text.copy(text_.get(), size_);
  }
  Secret(const Secret& other) : Secret{other.reveal()} {}
  Secret(Secret&& other) noexcept
      : text_{std::move(other.text_)}, size_{std::exchange(other.size_, 0)} {}
  Secret& operator=(Secret other) noexcept {
    std::swap(text_, other.text_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Secret() {
    volatile char* byte = text_.get();  // volatile: stores to memory that is about to go are kept
    for (std::size_t i = 0; i < size_; ++i) byte[i] = '\0';
  }

  /// Valid until this is assigned to or destroyed.
  [[nodiscard]] std::string_view reveal() const noexcept { return {text_.get(), size_}; }
  /// This text with another before it.
  [[nodiscard]] Secret after(std::string_view start) const {
    Secret whole;
    whole.size_ = start.size() + size_;
    whole.text_.reset(new char[whole.size_]);
    start.copy(whole.text_.get(), start.size());
    reveal().copy(whole.text_.get() + start.size(), size_);
    return whole;
  }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

 private:
  std::unique_ptr<char[]> text_;
  std::size_t size_ = 0;
};

inline std::ostream& operator<<(std::ostream& out, const Secret&) { return out << "***"; }

}  // namespace selfscale
