#include "segment/segment.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <system_error>

#include "segment/form.hpp"
#include "segment/open_file.hpp"
#include "segment/wall_clock.hpp"

namespace selfscale::segment {
namespace {

std::uint64_t hash_of(const Place& place) {
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const auto* part : {&place.service, &place.release, &place.run_directory}) {
    for (const char each : *part) hash = (hash ^ static_cast<unsigned char>(each)) * 0x100000001b3;
    hash = (hash ^ 0xff) * 0x100000001b3;
  }
  return hash;
}

std::string file_name(const Place& place) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string name;
  for (const char each : place.service.substr(0, 40)) {
    const bool plain = (each >= 'a' && each <= 'z') || (each >= 'A' && each <= 'Z') ||
                       (each >= '0' && each <= '9');
    name += plain || each == '-' ? each : '_';
  }
  name += '-';
  for (int shift = 60; shift >= 0; shift -= 4) name += digits[(hash_of(place) >> shift) & 15];
  return name + ".segment" + std::to_string(file_version);
}

void write_name(Name& name, std::string_view text) noexcept {
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool inside = i < text.size() && i + 1 < name.size();
    name[i].store(inside ? text[i] : '\0', std::memory_order_relaxed);
  }
}

std::string read_name(const Name& name) {
  std::string text;
  for (const auto& each : name) {
    const char letter = each.load(std::memory_order_relaxed);
    if (letter == '\0') break;
    text += letter;
  }
  return text;
}

/// A few milliseconds for another process that is folding; it takes some tens of microseconds.
template <class Condition>
bool within_moments(Condition holds) noexcept {
  for (int attempt = 0; attempt < 50; ++attempt) {
    if (holds()) return true;
    const timespec moment{0, 200'000};
    ::nanosleep(&moment, nullptr);
  }
  return holds();
}

class MappedSegment final : public Segment {
 public:
  MappedSegment(std::string path, OpenFile* file, File* mapped, std::string note)
      : path_{std::move(path)}, open_{file}, file_{mapped}, note_{std::move(note)} {}
  ~MappedSegment() override {
    drop_control();
    release();
  }

  Result<int> claim(std::string_view instance, std::string_view release) override;
  int claim_after_fork() noexcept override;
  std::span<std::byte> own_metrics() noexcept override;
  void heartbeat(std::int64_t boot_ms, Standing standing) noexcept override;
  [[nodiscard]] bool is_draining() const noexcept override;
  void release() noexcept override;
  bool hold_control() noexcept override;
  void drop_control() noexcept override;
  [[nodiscard]] std::vector<SlotView> slots() const override;
  [[nodiscard]] Contents read() const override;
  int mark_draining(std::string_view instance) noexcept override;
  void publish(std::string_view text) noexcept override;
  [[nodiscard]] std::optional<std::string> published() const override;
  void tell(std::string_view text) noexcept override;
  [[nodiscard]] std::vector<Told> told_by_others() const override;
  [[nodiscard]] bool is_stale() const noexcept override { return !open_->is_at(path_); }
  [[nodiscard]] const std::string& path() const noexcept override { return path_; }
  [[nodiscard]] std::string note() const override;

 private:
  [[nodiscard]] Slot& slot(int number) const noexcept {
    return file_->slots[static_cast<std::size_t>(number - 1)];
  }
  [[nodiscard]] std::span<std::byte> area(int number) const noexcept {
    return file_->areas[static_cast<std::size_t>(number - 1)].bytes;
  }
  [[nodiscard]] bool allocate_area(int number) noexcept;
  /// Empty in a fork's child that has not claimed yet.
  [[nodiscard]] Slot* own() const noexcept {
    const int number = own_.load(std::memory_order_acquire);
    return number != 0 && open_->is_locked_here(number) ? &slot(number) : nullptr;
  }
  [[nodiscard]] bool is_alive(int number) const noexcept {
    return slot(number).state.load(std::memory_order_acquire) == SlotState::owned &&
           open_->is_locked(number);
  }
  /// A process in a container calls itself by another number.
  [[nodiscard]] pid_t pid_of(int number) const noexcept {
    if (open_->is_locked_here(number)) return ::getpid();
    return open_->holder(number).value_or(slot(number).pid.load());
  }
  int claim_any() noexcept;
  bool take(int number) noexcept;
  bool fold(int number) noexcept;
  void fold_locked(int number) noexcept;
  [[nodiscard]] Folded folded() const noexcept {
    return Folded::unpack(file_->head.folded.load(std::memory_order_acquire));
  }
  [[nodiscard]] bool has_counts(int number, Folded last) const noexcept;
  [[nodiscard]] SlotView view(int number) const;
  [[nodiscard]] bool try_read(Contents& contents) const;

  std::string path_;
  OpenFile* open_;  // both live as long as the process
  File* file_;
  std::string note_;
  std::atomic<int> own_{0};  // other threads ask is_draining()
  bool controls_ = false;
  int no_room_ = 0;                          ///< why the last claim found no memory
  std::array<char, name_bytes> instance_{};  // kept for the children that are forked from here
  std::array<char, name_bytes> release_{};
};

void keep_name(std::array<char, name_bytes>& name, std::string_view text) noexcept {
  name.fill('\0');
  std::copy_n(text.begin(), std::min(text.size(), name.size() - 1), name.begin());
}

Result<int> MappedSegment::claim(std::string_view instance, std::string_view release) {
  if (own() != nullptr) return own_.load();
  const std::scoped_lock lock{open_->mutex};
  keep_name(instance_, instance);
  keep_name(release_, release);
  if (claim_any() == 0) {
    if (no_room_ != 0) {
      return Failure{Errc::storage, "no room in " + path_ + ": " + words_for(no_room_), {}};
    }
    return Failure{Errc::storage,
                   "all " + std::to_string(slot_count) + " slots of " + path_ +
                       " belong to living processes; "
                       "a service has at most that many processes on one host",
                   {}};
  }
  return own_.load();
}

int MappedSegment::claim_after_fork() noexcept {
  own_ = 0;
  controls_ = false;
  return claim_any();
}

/// A slot that this process gave up earlier is still locked by it, and the first choice.
int MappedSegment::claim_any() noexcept {
  own_ = 0;
  no_room_ = 0;
  for (int number = 1; number <= slot_count; ++number) {
    const bool given_up = open_->is_locked_here(number) &&
                          slot(number).state.load(std::memory_order_acquire) == SlotState::released;
    if (given_up && take(number)) return own_ = number;
  }
  for (int number = 1; number <= slot_count; ++number) {
    if (!open_->try_lock(number)) continue;
    if (take(number)) return own_ = number;
    open_->unlock(number);
    if (no_room_ != 0) return 0;
  }
  return 0;
}

/// Writing to a file's page that has no memory would end the process when there is none left, so
/// ask first. What was allocated once stays so.
bool MappedSegment::allocate_area(int number) noexcept {
  const auto offset =
      reinterpret_cast<std::byte*>(area(number).data()) - reinterpret_cast<std::byte*>(file_);
  no_room_ = open_->allocate(static_cast<std::size_t>(offset), area(number).size());
  return no_room_ == 0;
}

/// Of a slot that is locked by this process.
bool MappedSegment::take(int number) noexcept {
  auto& mine = slot(number);
  if (!allocate_area(number)) return false;
  if (mine.generation.load() != 0 && !fold(number)) return false;
  mine.state.store(SlotState::free);
  metrics::clear(area(number));
  write_name(mine.instance, instance_.data());
  write_name(mine.release, release_.data());
  mine.pid.store(::getpid());
  mine.started_at.store(wall_seconds());
  mine.heartbeat_ms.store(0);
  mine.standing.store(0);
  mine.draining.store(0);
  for (auto* size : {&mine.published.size, &mine.told.size}) size->store(0);
  for (auto* sequence : {&mine.published.sequence, &mine.told.sequence}) sequence->store(0);
  const auto generation = mine.generation.load() + 1;
  mine.generation.store(generation == 0 ? 1 : generation);
  mine.state.store(SlotState::owned, std::memory_order_release);
  return true;
}

/// Passes the counts of a slot on to the retired sums. The caller holds the slot's lock, so that
/// nobody records there.
bool MappedSegment::fold(int number) noexcept {
  if (!within_moments([this] { return open_->try_lock(fold_byte); })) return false;
  fold_locked(number);
  open_->unlock(fold_byte);
  return true;
}

void MappedSegment::fold_locked(int number) noexcept {
  const Folded last = folded();
  if (last.slot != 0 && slot(last.slot).generation.load() == last.generation) {
    slot(last.slot).folded_generation.store(
        last.generation);  // the last folder may have died right before this
  }
  auto& from = slot(number);
  const auto generation = from.generation.load();
  if (from.folded_generation.load() == generation) return;

  const std::uint16_t other = last.active == 0 ? 1 : 0;
  auto& sums = file_->retired[other];
  std::memcpy(sums.data(), file_->retired[last.active].data(), sums.size());
  if (!metrics::fold(area(number), sums)) file_->head.lost.fetch_add(1);
  const Folded now{generation, static_cast<std::uint16_t>(number), other};
  file_->head.folded.store(now.packed(),
                           std::memory_order_release);  // from here on they count there
  from.folded_generation.store(generation);
}

std::span<std::byte> MappedSegment::own_metrics() noexcept {
  return own() == nullptr ? std::span<std::byte>{} : area(own_.load());
}

void MappedSegment::heartbeat(std::int64_t boot_ms, Standing standing) noexcept {
  auto* mine = own();
  if (mine == nullptr) return;
  mine->standing.store(packed(standing), std::memory_order_relaxed);
  mine->heartbeat_ms.store(boot_ms, std::memory_order_release);
}

bool MappedSegment::is_draining() const noexcept {
  const auto* mine = own();
  return mine != nullptr && mine->draining.load(std::memory_order_acquire) != 0;
}

void MappedSegment::release() noexcept {
  auto* mine = own();
  if (mine != nullptr) mine->state.store(SlotState::released, std::memory_order_release);
  own_ = 0;
}

bool MappedSegment::hold_control() noexcept {
  if (controls_ && open_->is_locked_here(control_byte)) return true;
  controls_ = open_->try_lock(control_byte);
  return controls_;
}

void MappedSegment::drop_control() noexcept {
  if (controls_) open_->unlock(control_byte);
  controls_ = false;
}

bool MappedSegment::has_counts(int number, Folded last) const noexcept {
  const auto generation = slot(number).generation.load(std::memory_order_acquire);
  if (generation == 0 || slot(number).state.load(std::memory_order_acquire) == SlotState::free)
    return false;
  if (slot(number).folded_generation.load(std::memory_order_acquire) == generation) return false;
  return !(last.slot == number && last.generation == generation);
}

SlotView MappedSegment::view(int number) const {
  const auto& seen = slot(number);
  SlotView view;
  view.slot = number;
  view.alive = is_alive(number);
  view.generation = seen.generation.load(std::memory_order_acquire);
  view.pid = pid_of(number);
  view.instance = read_name(seen.instance);
  view.release = read_name(seen.release);
  view.started_at = seen.started_at.load();
  view.heartbeat_ms = seen.heartbeat_ms.load(std::memory_order_acquire);
  view.draining = seen.draining.load() != 0;
  view.standing = unpack_standing(seen.standing.load());
  view.metrics = area(number);
  return view;
}

std::vector<SlotView> MappedSegment::slots() const {
  std::vector<SlotView> views;
  const auto last = folded();
  for (int number = 1; number <= slot_count; ++number) {
    if (has_counts(number, last)) views.push_back(view(number));
  }
  return views;
}

/// False when a slot changed hands meanwhile, so that something may be missing, or counted twice.
bool MappedSegment::try_read(Contents& contents) const {
  contents = {};
  const auto last = folded();
  for (int number = 1; number <= slot_count; ++number) {
    if (!has_counts(number, last)) continue;
    auto seen = view(number);
    auto entries = metrics::read(area(number));
    if (slot(number).generation.load(std::memory_order_acquire) != seen.generation) return false;
    contents.processes.push_back({std::move(seen), std::move(entries)});
  }
  contents.retired = metrics::read(file_->retired[last.active]);
  std::atomic_thread_fence(std::memory_order_acquire);
  return folded().packed() == last.packed();
}

Contents MappedSegment::read() const {
  Contents contents;
  within_moments([&] { return try_read(contents); });
  return contents;
}

int MappedSegment::mark_draining(std::string_view instance) noexcept {
  std::array<char, name_bytes> wanted{};
  keep_name(wanted, instance);
  int marked = 0;
  for (int number = 1; number <= slot_count; ++number) {
    auto& seen = slot(number);
    if (seen.state.load(std::memory_order_acquire) != SlotState::owned || !open_->is_locked(number))
      continue;
    const bool same = std::equal(wanted.begin(), wanted.end(), seen.instance.begin(),
                                 [](char a, const std::atomic<char>& b) { return a == b.load(); });
    if (!same) continue;
    seen.draining.store(1, std::memory_order_release);
    ++marked;
  }
  return marked;
}

/// One that is too long leaves nothing.
template <std::size_t bytes>
void write_text(Text<bytes>& to, std::string_view text, std::uint64_t stamp) noexcept {
  const auto sequence = to.sequence.load(std::memory_order_relaxed) | 1;
  to.sequence.store(sequence, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  const std::size_t size = text.size() <= bytes ? text.size() : 0;
  for (std::size_t at = 0; at < size; at += 8) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, text.data() + at, std::min<std::size_t>(8, size - at));
    to.words[at / 8].store(eight, std::memory_order_relaxed);
  }
  to.size.store(size, std::memory_order_relaxed);
  to.stamp.store(stamp, std::memory_order_relaxed);
  to.sequence.store(sequence + 1, std::memory_order_release);
}

/// With its stamp. Empty when there is nothing, or its writer was killed in the middle of it.
template <std::size_t bytes>
std::optional<std::pair<std::uint64_t, std::string>> read_text(const Text<bytes>& from) {
  std::pair<std::uint64_t, std::string> result;
  const bool whole = within_moments([&] {
    const auto before = from.sequence.load(std::memory_order_acquire);
    if ((before & 1) != 0) return false;
    result.first = from.stamp.load(std::memory_order_relaxed);
    const auto size = from.size.load(std::memory_order_relaxed);
    if (size > bytes) return false;
    result.second.resize(size);
    for (std::size_t at = 0; at < size; at += 8) {
      const auto eight = from.words[at / 8].load(std::memory_order_relaxed);
      std::memcpy(result.second.data() + at, &eight, std::min<std::size_t>(8, size - at));
    }
    std::atomic_thread_fence(std::memory_order_acquire);
    return from.sequence.load(std::memory_order_relaxed) == before;
  });
  if (!whole || result.second.empty()) return std::nullopt;
  return result;
}

void MappedSegment::publish(std::string_view text) noexcept {
  auto* mine = own();
  if (mine == nullptr) return;
  write_text(mine->published, text, file_->head.publications.fetch_add(1) + 1);
}

std::optional<std::string> MappedSegment::published() const {
  std::optional<std::pair<std::uint64_t, std::string>> newest;
  for (int number = 1; number <= slot_count; ++number) {
    if (slot(number).generation.load(std::memory_order_acquire) == 0 || !is_alive(number)) continue;
    auto here = read_text(slot(number).published);
    if (here && (!newest || here->first > newest->first)) newest = std::move(here);
  }
  if (!newest) return std::nullopt;
  return std::move(newest->second);
}

void MappedSegment::tell(std::string_view text) noexcept {
  auto* mine = own();
  if (mine != nullptr) write_text(mine->told, text, 0);
}

std::vector<Told> MappedSegment::told_by_others() const {
  std::vector<Told> all;
  for (int number = 1; number <= slot_count; ++number) {
    const auto& seen = slot(number);
    const auto generation = seen.generation.load(std::memory_order_acquire);
    if (generation == 0 || number == own_ || !is_alive(number)) continue;
    auto text = read_text(seen.told);
    Told told{pid_of(number), read_name(seen.instance), seen.heartbeat_ms.load(), {}};
    const bool is_same_owner = seen.generation.load(std::memory_order_acquire) == generation;
    if (!text || !is_same_owner || !is_alive(number)) continue;
    told.text = std::move(text->second);
    all.push_back(std::move(told));
  }
  return all;
}

std::string MappedSegment::note() const {
  std::string note = note_;
  if (file_->head.replaced != 0)
    note += "the file was made anew: the one before was damaged or of another version";
  if (const auto lost = file_->head.lost.load(); lost != 0) {
    if (!note.empty()) note += "; ";
    note += "counts of " + std::to_string(lost) + " ended processes found no room in the sums";
  }
  return note;
}

/// The file at `path`, if it is a whole segment for this place.
File* usable(OpenFile& file, std::uint64_t place) {
  if (file.size() != static_cast<off_t>(sizeof(File))) return nullptr;
  const auto mapping = file.map(sizeof(File));
  if (mapping.empty()) return nullptr;
  auto* mapped = reinterpret_cast<File*>(mapping.data());
  const auto& head = mapped->head;
  const bool same = head.magic == file_magic && head.version == file_version &&
                    head.slots == slot_count && head.slot_bytes == sizeof(Slot) &&
                    head.place == place;
  return same ? mapped : nullptr;
}

Result<void> make_segment(const std::string& path, const Place& place, bool replace) {
  Head head{};
  head.magic = file_magic;
  head.version = file_version;
  head.slot_bytes = sizeof(Slot);
  head.slots = slot_count;
  head.replaced = replace ? 1 : 0;
  head.place = hash_of(place);
  const auto length = std::min(place.run_directory.size(), head.run_directory.size() - 1);
  place.run_directory.copy(head.run_directory.data(), length);
  return make_file(path, {common_bytes, sizeof(File)}, std::as_bytes(std::span{&head, 1}), replace);
}

/// Shared memory outlives what was in it: removes files that nobody holds and whose run directory
/// is gone.
void sweep(const std::string& directory) {
  std::error_code ignored;  // somebody else may be at it, too
  for (const auto& each : std::filesystem::directory_iterator{directory, ignored}) {
    Head head{};
    if (!peek(each.path().string(), std::as_writable_bytes(std::span{&head, 1}))) continue;
    if (head.magic != file_magic || head.version != file_version) continue;
    const std::string run_directory = head.run_directory.data();
    if (run_directory.empty() || std::filesystem::exists(run_directory, ignored)) continue;
    std::filesystem::remove(each.path(), ignored);
  }
}

Result<std::unique_ptr<Segment>> open_in(const std::string& directory, const Place& place,
                                         const std::string& note) {
  if (auto made = make_private_directory(directory); !made) return made.error();
  const auto path = directory + "/" + file_name(place);
  const auto hash = hash_of(place);
  for (int attempt = 0; attempt < 4; ++attempt) {
    const auto opened = open_file(path);
    bool replace = false;
    if (opened) {
      auto* mapped = usable(**opened, hash);
      if (mapped != nullptr) return std::make_unique<MappedSegment>(path, *opened, mapped, note);
      replace = true;
    } else if (opened.error().code == Errc::denied) {
      replace = true;
    } else if (opened.error().code != Errc::not_found) {
      return opened.error();
    }
    const auto made = make_segment(path, place, replace);
    if (!made && made.error().code != Errc::conflict) return made.error();
  }
  return Failure{Errc::storage, path + " is replaced by others again and again", {}};
}

/// However its run directory is written, it is the same place.
Place as_it_is_named(const Place& wanted) {
  Place place = wanted;
  std::error_code unknown;
  const auto real = std::filesystem::canonical(wanted.run_directory, unknown);
  if (!unknown) place.run_directory = real.string();
  return place;
}

/// Of this user, where files stay in memory.
std::string directory_in_memory(const Place& place) {
  return place.shared_memory + "/selfscale-" + std::to_string(::geteuid());
}

}  // namespace

Result<std::unique_ptr<Segment>> Segment::open(const Place& wanted) {
  if (auto made = make_private_directory(wanted.run_directory); !made) return made.error();
  const Place place = as_it_is_named(wanted);
  if (place.shared_memory.empty()) return open_in(place.run_directory, place, {});
  const auto directory = directory_in_memory(place);
  if (make_private_directory(directory)) sweep(directory);
  auto opened = open_in(directory, place, {});
  if (opened) return opened;
  auto elsewhere = open_in(place.run_directory, place,
                           "kept in the run directory (" + opened.error().message + ")");
  if (elsewhere) return elsewhere;
  return Failure{Errc::storage, opened.error().message + "; " + elsewhere.error().message, {}};
}

std::unique_ptr<Segment> Segment::find(const Place& wanted) {
  const Place place = as_it_is_named(wanted);
  std::vector<std::string> directories{place.run_directory};
  if (!place.shared_memory.empty())
    directories.insert(directories.begin(), directory_in_memory(place));
  for (const auto& directory : directories) {
    const auto path = directory + "/" + file_name(place);
    const auto opened = open_file(path);
    auto* mapped = opened ? usable(**opened, hash_of(place)) : nullptr;
    if (mapped != nullptr) return std::make_unique<MappedSegment>(path, *opened, mapped, "");
  }
  return nullptr;
}

}  // namespace selfscale::segment
