#include "sampling/kept_file.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sampling/descriptors.hpp"
#include "sampling/process.hpp"
#include "sampling/tree_fixture.hpp"

namespace selfscale::sampling {
namespace {

using KeptFileTest = TreeTest;

TEST_F(KeptFileTest, ReadsWhatStandsThereNow) {
  std::string buffer;
  write("/number", "1\n");
  KeptFile file{root + "/number"};
  EXPECT_EQ(file.read(buffer), "1\n");
  write("/number", "23\n");
  EXPECT_EQ(file.read(buffer), "23\n");
}

TEST_F(KeptFileTest, ReadsTextsLargerThanAPageWhole) {
  std::string buffer;
  for (const std::size_t size : {4095U, 4096U, 4097U, 20000U}) {
    const std::string text(size, 'x');
    write("/text", text);
    EXPECT_EQ(KeptFile{root + "/text"}.read(buffer), text);
  }
}

TEST_F(KeptFileTest, AFileThatIsNotThereIsReadOnceItIs) {
  std::string buffer;
  KeptFile file{root + "/later"};
  EXPECT_FALSE(file.read(buffer));
  write("/later", "here\n");
  EXPECT_EQ(file.read(buffer), "here\n");
}

TEST(KeptFile, KeepsOneDescriptorHoweverOftenItIsRead) {
  std::string buffer;
  const auto before = count_open_files(::getpid());
  {
    KeptFile file{"/proc/self/stat"};
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(file.read(buffer));
    EXPECT_EQ(count_open_files(::getpid()), *before + 1);
    KeptFile moved{std::move(file)};
    EXPECT_TRUE(moved.read(buffer));
    EXPECT_EQ(count_open_files(::getpid()), *before + 1);
  }
  EXPECT_EQ(count_open_files(::getpid()), before);
}

pid_t start_child() {
  const pid_t child = ::fork();
  if (child == 0) {
    for (;;) ::pause();
  }
  return child;
}

void end(pid_t child) {
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

TEST(Processes, AProcessThatHasEndedIsNothingAndItsFileIsLetGo) {
  const auto before = count_open_files(::getpid());
  Processes processes;
  const pid_t child = start_child();
  EXPECT_TRUE(processes.read(child));
  EXPECT_TRUE(processes.read(child));
  EXPECT_EQ(count_open_files(::getpid()), *before + 1);
  end(child);
  EXPECT_FALSE(processes.read(child));
  EXPECT_EQ(count_open_files(::getpid()), before);
}

TEST(Processes, ThoseThatNobodyAsksForAnyMoreAreLetGo) {
  const auto before = count_open_files(::getpid());
  Processes processes;
  const pid_t child = start_child();
  EXPECT_TRUE(processes.read(child));
  processes.forget_unread();
  EXPECT_EQ(count_open_files(::getpid()), *before + 1);
  processes.forget_unread();
  EXPECT_EQ(count_open_files(::getpid()), before);
  end(child);
}

TEST_F(TreeTest, APidThatWasGivenAnewIsTheNewProcess) {
  const auto stat = [](int start) {
    return "7 (web) S 1 1 1 0 -1 0 0 0 0 0 7 3 0 0 20 0 1 0 " + std::to_string(start) + " 0 10";
  };
  write("/proc/7/stat", stat(100));
  Processes processes{root};
  EXPECT_EQ(processes.read(7)->start_ticks, 100U);
  std::filesystem::remove(root + "/proc/7/stat");
  write("/proc/7/stat", stat(200));
  processes.forget_unread();
  processes.forget_unread();
  EXPECT_EQ(processes.read(7)->start_ticks, 200U);
}

}  // namespace
}  // namespace selfscale::sampling
