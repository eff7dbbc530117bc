#include "metrics/thread_blocks.hpp"

#include <algorithm>
#include <new>
#include <vector>

#include "metrics/area.hpp"

namespace selfscale::metrics {

constinit thread_local ThreadWriter thread_writer;

namespace {

struct Lease {
  std::uint64_t recorder = 0;
  std::weak_ptr<ThreadBlocks> blocks;
  const Writer* writer = nullptr;  ///< null: this thread shares
  std::uint32_t freed = 0;         ///< ThreadBlocks::freed() before it last asked for one
};

struct Leases;
constinit thread_local Leases* leases_of_thread = nullptr;
/// What a thread records after its leases ended (in the destructors of others) is shared.
constinit thread_local bool has_ended = false;

struct Leases {
  std::vector<Lease> all;

  Leases() noexcept { leases_of_thread = this; }
  Leases(const Leases&) = delete;
  Leases& operator=(const Leases&) = delete;
  ~Leases() {
    has_ended = true;
    leases_of_thread = nullptr;
    thread_writer = {};
    for (const auto& lease : all) end(lease);
  }

  static void end(const Lease& lease) noexcept {
    const auto blocks = lease.blocks.lock();
    if (blocks && lease.writer != nullptr) blocks->give_back(lease.writer);
  }

  [[nodiscard]] Lease* find(std::uint64_t recorder) noexcept {
    for (auto& lease : all) {
      if (lease.recorder == recorder) return &lease;
    }
    return nullptr;
  }
};

Leases& leases() noexcept {
  static thread_local Leases of_this_thread;
  return of_this_thread;
}

}  // namespace

const Writer* ThreadBlocks::take(const std::atomic<std::byte*>& area) noexcept {
  for (std::uint32_t index = 0; index < count; ++index) {
    auto& writer = writers_[index];
    if (writer.taken.load(std::memory_order_relaxed) ||
        writer.taken.exchange(true, std::memory_order_acquire)) {
      continue;
    }
    const std::uint32_t blocks = index + 2;
    auto before = shown_.load();
    while (before < blocks && !shown_.compare_exchange_weak(before, blocks)) {
    }
    // Whoever moves the area changes it first and asks for shown() then; one of the two sees the
    // other.
    for (auto* now = area.load();;) {
      show_blocks(now, blocks);
      auto* then = area.load();
      if (then == now) break;
      now = then;
    }
    return &writer;
  }
  return nullptr;
}

void ThreadBlocks::give_back(const Writer* writer) noexcept {
  const auto index = static_cast<std::size_t>(writer - writers_.data());
  writers_[index].taken.store(false, std::memory_order_release);
  freed_.fetch_add(1, std::memory_order_release);
}

void ThreadBlocks::move_to(std::byte* area) noexcept {
  for (std::uint32_t index = 0; index < count; ++index) {
    writers_[index].cells.store(block_at(area, index + 1), std::memory_order_release);
  }
}

void ThreadBlocks::keep_only(std::span<const Writer* const> kept) noexcept {
  std::uint32_t blocks = 1;
  for (std::uint32_t index = 0; index < count; ++index) {
    const bool lives = std::find(kept.begin(), kept.end(), &writers_[index]) != kept.end();
    writers_[index].taken.store(lives);
    if (lives) blocks = index + 2;
  }
  shown_.store(blocks);
  freed_.fetch_add(1);
}

const Writer* known_writer_of_thread(std::uint64_t recorder) noexcept {
  const auto* lease = leases_of_thread == nullptr ? nullptr : leases_of_thread->find(recorder);
  return lease == nullptr ? nullptr : lease->writer;
}

const Writer* writer_of_thread(std::uint64_t recorder, const std::shared_ptr<ThreadBlocks>& blocks,
                               const std::atomic<std::byte*>& area) noexcept {
  if (has_ended) return nullptr;
  auto& mine = leases();
  const auto freed = blocks->freed();
  auto* lease = mine.find(recorder);
  if (lease == nullptr) {
    std::erase_if(mine.all, [](const Lease& each) { return each.blocks.expired(); });
    try {
      mine.all.reserve(mine.all.size() + 1);
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
    lease = &mine.all.emplace_back(Lease{recorder, blocks, blocks->take(area), freed});
  } else if (lease->writer == nullptr && lease->freed != freed) {
    lease->writer = blocks->take(area);
    lease->freed = freed;
  }
  if (lease->writer != nullptr) thread_writer = {recorder, lease->writer};
  return lease->writer;
}

}  // namespace selfscale::metrics
