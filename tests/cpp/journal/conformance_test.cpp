#include "journal/conformance.hpp"

#include "journal/temporary_directory.hpp"

namespace selfscale::journal {
namespace {

struct SqliteHarness final : Harness {
  std::unique_ptr<Journal> open() override { return open_sqlite(directory.path + "/state"); }
  TemporaryDirectory directory;
};

struct MemoryHarness final : Harness {
  std::unique_ptr<Journal> open() override { return open_memory(); }
};

template <class Made>
std::unique_ptr<Harness> make() {
  return std::make_unique<Made>();
}

INSTANTIATE_TEST_SUITE_P(Sqlite, JournalConformance, testing::Values(&make<SqliteHarness>));
INSTANTIATE_TEST_SUITE_P(Memory, JournalConformance, testing::Values(&make<MemoryHarness>));

}  // namespace
}  // namespace selfscale::journal
