#include <fcntl.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <functional>
#include <thread>

#include "journal/rows_of_tests.hpp"
#include "journal/temporary_directory.hpp"
#include "text_predicates.hpp"

namespace selfscale::journal {
namespace {

class SqliteFile : public testing::Test {
 protected:
  [[nodiscard]] std::unique_ptr<Journal> open() const { return open_sqlite(state()); }
  [[nodiscard]] std::string state() const { return directory_.path + "/state"; }
  [[nodiscard]] std::string file() const { return state() + "/journal.sqlite"; }

  /// Runs SQL in the file behind the journal's back; the first column of the last row.
  [[nodiscard]] std::string sql(const std::string& text) const {
    sqlite3* handle = nullptr;
    std::string answer;
    const auto take = [](void* to, int, char** values, char**) {
      *static_cast<std::string*>(to) = values[0] == nullptr ? "" : values[0];
      return 0;
    };
    sqlite3_open(file().c_str(), &handle);
    if (sqlite3_exec(handle, text.c_str(), take, &answer, nullptr) != SQLITE_OK) {
      answer = sqlite3_errmsg(handle);
    }
    sqlite3_close(handle);
    return answer;
  }

  static int in_child(const std::function<bool()>& work) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(work() ? 0 : 1);
    int status = 0;
    ::waitpid(child, &status, 0);
    return status;
  }

  TemporaryDirectory directory_;
};

TEST_F(SqliteFile, IsNotThereBeforeItIsNeeded) {
  const auto journal = open();
  EXPECT_FALSE(std::filesystem::exists(state()));
  journal->keep_decision(record_of("D1", at(0s)));
  EXPECT_TRUE(std::filesystem::exists(file()));
}

TEST_F(SqliteFile, IsForThisUserAlone) {
  const auto journal = open();
  journal->keep_decision(record_of("D1", at(0s)));
  for (const auto& name : {file(), file() + "-wal", file() + "-shm"}) {
    struct stat status {};
    ASSERT_EQ(::stat(name.c_str(), &status), 0) << name;
    EXPECT_EQ(status.st_mode & 0777, 0600U) << name;
  }
  struct stat status {};
  ASSERT_EQ(::stat(state().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700U);
}

TEST_F(SqliteFile, OutlivesItsWriter) {
  open()->keep_decision(record_of("D1", at(0s)));
  EXPECT_EQ(open()->decision("D1").value(), record_of("D1", at(0s)));
}

TEST_F(SqliteFile, ReadingMakesNothing) {
  const auto none = read_sqlite(state());
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::not_found);
  EXPECT_PRED2(contains, none.error().message, state());
  EXPECT_FALSE(std::filesystem::exists(state()));
}

TEST_F(SqliteFile, IsReadByOthersWhoeverWrites) {
  auto writer = open();
  writer->keep_decision(record_of("D1", at(0s)));
  auto opened = read_sqlite(state());
  ASSERT_TRUE(opened);
  const auto reader = std::move(*opened);
  EXPECT_TRUE(reader->decision("D1"));
  writer->keep_decision(record_of("D2", at(1s)));
  EXPECT_TRUE(reader->decision("D2"));
  writer.reset();
  const auto later = read_sqlite(state());
  ASSERT_TRUE(later);
  EXPECT_TRUE((*later)->decision("D2"));
}

TEST_F(SqliteFile, ReadingLeavesWhatItCannotUnderstand) {
  std::filesystem::create_directories(state());
  std::ofstream{file()} << std::string(5'000, 'x');
  const auto damaged = read_sqlite(state());
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, Errc::storage);
  EXPECT_PRED2(contains, damaged.error().message, "cannot be read");
  EXPECT_EQ(std::filesystem::file_size(file()), 5'000U);

  std::filesystem::remove(file());
  open()->keep_decision(record_of("D1", at(0s)));
  ASSERT_EQ(sql("PRAGMA user_version = 99"), "");
  EXPECT_PRED2(contains, read_sqlite(state()).error().message, "later version");
}

TEST_F(SqliteFile, IsReadWhileItIsWritten) {
  const auto writer = open();
  const auto reader = open();
  for (int i = 0; i < 10; ++i) {
    const auto id = "D" + std::to_string(i);
    writer->keep_decision(record_of(id, at(i * 1s)));
    EXPECT_TRUE(reader->decision(id)) << id;
  }
}

TEST_F(SqliteFile, KeepsInMemoryWhereItCannotWrite) {
  std::ofstream{state()} << "a file where the directory should be";
  const auto journal = open();
  journal->keep_decision(record_of("D1", at(0s)));
  EXPECT_TRUE(journal->decision("D1"));
  EXPECT_PRED2(contains, journal->degraded(), file());
  EXPECT_PRED2(contains, journal->degraded(), "kept in memory");
  journal->release();
  EXPECT_TRUE(journal->decision("D1"));
}

TEST_F(SqliteFile, CountsWhatItDropsWhileSomebodyElseWrites) {
  const auto journal = open();
  journal->keep_decision(record_of("D1", at(0s)));
  sqlite3* other = nullptr;
  sqlite3_open(file().c_str(), &other);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  journal->keep_decision(record_of("D2", at(1s)));
  journal->keep_decision(record_of("D3", at(2s)));
  EXPECT_PRED2(contains, journal->degraded(), "2 writes were dropped");
  EXPECT_PRED2(contains, journal->degraded(), "locked");
  ASSERT_EQ(sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(other);
  journal->keep_decision(record_of("D4", at(3s)));
  EXPECT_TRUE(journal->decision("D4"));
  EXPECT_FALSE(journal->decision("D2"));
}

/// While one process folds in what a killed one left, nobody else can even read.
TEST_F(SqliteFile, IsReadOnceWhoHasItToThemselvesIsDone) {
  open()->keep_decision(record_of("D1", at(0s)));
  const auto reader = open();
  const auto beside_its_one_user = [&](const auto& read) {
    sqlite3* other = nullptr;
    sqlite3_open(file().c_str(), &other);
    EXPECT_EQ(sqlite3_exec(other, "PRAGMA locking_mode = EXCLUSIVE; SELECT id FROM decisions",
                           nullptr, nullptr, nullptr),
              SQLITE_OK);
    std::jthread leaves{[other] {
      std::this_thread::sleep_for(20ms);
      sqlite3_close(other);
    }};
    return read();
  };
  EXPECT_TRUE(beside_its_one_user([&] { return reader->decision("D1"); }));
  reader->release();
  EXPECT_TRUE(beside_its_one_user([&] { return read_sqlite(state()); }));
}

TEST_F(SqliteFile, PutsADamagedFileAsideAndBeginsAnew) {
  for (int number = 1; number <= 2; ++number) {
    std::filesystem::create_directories(state());
    std::filesystem::remove(file() + "-wal");
    std::filesystem::remove(file() + "-shm");
    std::ofstream{file(), std::ios::trunc} << "this is no database, " << number << "\n"
                                           << std::string(5000, 'x');
    const auto journal = open();
    journal->keep_decision(record_of("D1", at(0s)));
    EXPECT_TRUE(journal->decision("D1"));
    const auto aside = file() + "-corrupt-" + std::to_string(number);
    EXPECT_TRUE(std::filesystem::exists(aside));
    EXPECT_PRED2(contains, journal->degraded(), aside);
  }
}

TEST_F(SqliteFile, PutsAFileAsideThatIsDamagedInside) {
  {
    const auto journal = open();
    for (int i = 0; i < 200; ++i) {
      auto record = record_of("D" + std::to_string(i), at(i * 1s));
      record.json = R"({"text":")" + std::string(3000, 'x') + R"("})";
      journal->keep_decision(record);
    }
  }
  EXPECT_EQ(sql("PRAGMA wal_checkpoint(TRUNCATE)"), "0");
  {
    std::fstream damaged{file(), std::ios::in | std::ios::out | std::ios::binary};
    const auto size = static_cast<std::streamoff>(std::filesystem::file_size(file()));
    damaged.seekp(4096);  // the first page, with the schema, stays whole
    damaged << std::string(static_cast<std::size_t>(size - 4096), '\x5a');
  }
  const auto journal = open();
  journal->keep_decision(record_of("N1", at(0s)));
  EXPECT_TRUE(journal->decision("N1"));
  EXPECT_FALSE(journal->decision("D1"));
  EXPECT_PRED2(contains, journal->degraded(), "-corrupt-1");
  EXPECT_EQ(sql("PRAGMA integrity_check"), "ok");
}

TEST_F(SqliteFile, LeavesALaterVersionsFileAlone) {
  open()->keep_decision(record_of("D1", at(0s)));
  ASSERT_EQ(sql("PRAGMA user_version = 2"), "");
  const auto journal = open();
  journal->keep_decision(record_of("D2", at(0s)));
  EXPECT_TRUE(journal->decision("D2"));
  EXPECT_PRED2(contains, journal->degraded(), "later version");
  EXPECT_EQ(sql("SELECT count(*) FROM decisions"), "1");
}

TEST_F(SqliteFile, GivesSpaceBack) {
  const auto journal = open();
  for (int i = 0; i < 20; ++i) {
    auto record = record_of("D" + std::to_string(i), at(i * 1s));
    record.json = R"({"text":")" + std::string(500'000, 'x') + R"("})";
    journal->keep_decision(record);
  }
  journal->tidy(at(20 * 24h));
  journal->release();
  ASSERT_EQ(sql("PRAGMA wal_checkpoint(TRUNCATE)"), "0");
  EXPECT_LT(std::filesystem::file_size(file()), 200'000U);
}

/// What the child has said it wrote is there, and the file is sound.
TEST_F(SqliteFile, IsWholeAfterItsWriterWasKilled) {
  int written = 0;
  for (int round = 0; round < 20; ++round) {
    std::array<int, 2> said{};
    ASSERT_EQ(::pipe2(said.data(), O_CLOEXEC), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      const auto journal = open();
      for (;;) {
        journal->keep_decision(record_of("D" + std::to_string(written), at(written * 1s)));
        journal->keep_evaluation(evaluation_of(at(written * 1s)));
        ++written;
        (void)!::write(said[1], "x", 1);
      }
    }
    ::close(said[1]);
    char mark = 0;
    for (int i = 0; i <= round; ++i) ASSERT_EQ(::read(said[0], &mark, 1), 1);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    written += round + 1;
    while (::read(said[0], &mark, 1) == 1) ++written;
    ::close(said[0]);
    ASSERT_EQ(in_child([&] {
                const auto journal = open();
                const auto kept = journal->decisions("backend", 1'000'000).value().size();
                return kept >= static_cast<std::size_t>(written) && journal->degraded().empty() &&
                       sql("PRAGMA integrity_check") == "ok";
              }),
              0)
        << "round " << round;
  }
}

TEST_F(SqliteFile, AChildOpensItsOwnAfterTheParentLetGo) {
  const auto journal = open();
  journal->keep_decision(record_of("parent", at(0s)));
  journal->release();
  EXPECT_EQ(in_child([&] {
              const auto own = open();
              own->keep_decision(record_of("child", at(1s)));
              return own->decision("parent").has_value() && own->degraded().empty();
            }),
            0);
  journal->keep_decision(record_of("again", at(2s)));
  EXPECT_EQ(journal->decisions("backend", 10).value().size(), 3U);
  EXPECT_EQ(journal->degraded(), "");
}

TEST_F(SqliteFile, AChildThatInheritedAnOpenFileKeepsItsJournalInMemory) {
  const auto journal = open();
  journal->keep_decision(record_of("parent", at(0s)));
  EXPECT_EQ(in_child([&] {
              const auto own = open();
              own->keep_decision(record_of("child", at(1s)));
              return own->decision("child").has_value() && contains(own->degraded(), "forked");
            }),
            0);
  EXPECT_EQ(journal->decisions("backend", 10).value().size(), 1U);
}

}  // namespace
}  // namespace selfscale::journal
