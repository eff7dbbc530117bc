#include "segment/open_file.hpp"
#include "segment/segment.hpp"

namespace selfscale::segment {
namespace {

constexpr int whole_lock = 0;

Result<OpenFile*> open_or_make(const std::string& path) {
  auto opened = open_file(path);
  if (opened || opened.error().code != Errc::not_found) return opened;
  const auto made = make_file(path, {}, {}, /*replace=*/false);
  if (!made && made.error().code != Errc::conflict) return made.error();
  return open_file(path);
}

class FileLock final : public RecordLock {
 public:
  FileLock(std::string path, OpenFile* file) : path_{std::move(path)}, file_{file} {}
  ~FileLock() override { drop(); }

  bool try_hold() noexcept override {
    if (holds() && file_->is_at(path_)) return true;
    drop();
    // Somebody may have removed the file: a lock on a file without a name would keep nobody out.
    for (int attempt = 0; attempt < 3; ++attempt) {
      if (!file_->is_at(path_) && !reopen()) return false;
      if (!file_->try_lock(whole_lock)) return false;
      mine_ = true;
      if (file_->is_at(path_)) return true;
      drop();
    }
    return false;
  }

  void drop() noexcept override {
    if (holds()) file_->unlock(whole_lock);
    mine_ = false;
  }

  [[nodiscard]] std::optional<pid_t> holder() const noexcept override {
    return file_->holder(whole_lock);
  }

 private:
  [[nodiscard]] bool holds() const noexcept { return mine_ && file_->is_locked_here(whole_lock); }

  bool reopen() noexcept try {
    const auto opened = open_or_make(path_);
    if (!opened) return false;
    file_ = *opened;
    return true;
  } catch (const std::exception&) {  // no memory for it: the lock is not had
    return false;
  }

  std::string path_;
  OpenFile* file_;  // lives as long as the process
  bool mine_ = false;
};

}  // namespace

Result<std::unique_ptr<RecordLock>> RecordLock::open(const std::string& path) {
  const auto opened = open_or_make(path);
  if (!opened) return opened.error();
  return std::make_unique<FileLock>(path, *opened);
}

}  // namespace selfscale::segment
