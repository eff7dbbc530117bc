#include "agent/circuit.hpp"

#include <gtest/gtest.h>

namespace selfscale::agent {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Instant now{hours{1}};

Duration pause_of(const Circuit& circuit) { return circuit.until() - now; }

TEST(Circuit, IsClosedBeforeAnythingFails) {
  const Circuit circuit;
  EXPECT_FALSE(circuit.is_open(now));
  EXPECT_EQ(circuit.failures(), 0);
}

TEST(Circuit, StaysOpenTwiceAsLongWithEachFailureInARow) {
  Circuit circuit;
  for (const auto pause : {1, 2, 4, 8, 16, 32, 64, 128, 256, 256, 256}) {
    circuit.open(Errc::unreachable, "nobody answers", {}, now);
    EXPECT_EQ(pause_of(circuit), seconds{pause});
  }
  EXPECT_EQ(circuit.failures(), 11);
  EXPECT_EQ(circuit.because(), "nobody answers");
  EXPECT_EQ(circuit.code(), Errc::unreachable);
}

TEST(Circuit, ClosesByItself) {
  Circuit circuit;
  circuit.open(Errc::failed, "no", {}, now);
  EXPECT_TRUE(circuit.is_open(circuit.until() - Duration{1}));
  EXPECT_FALSE(circuit.is_open(circuit.until()));
}

TEST(Circuit, StaysOpenAMinuteAtLeastAfterARefusal) {
  for (const auto code :
       {Errc::denied, Errc::not_found, Errc::unsupported, Errc::invalid_argument}) {
    Circuit circuit;
    circuit.open(code, "no", {}, now);
    EXPECT_EQ(pause_of(circuit), minutes{1}) << name_of(code);
  }
}

TEST(Circuit, StaysOpenAsLongAsThePlatformAsksFor) {
  Circuit circuit;
  circuit.open(Errc::throttled, "slowly", minutes{10}, now);
  EXPECT_EQ(pause_of(circuit), minutes{10});
  circuit.open(Errc::throttled, "slowly", Duration{1}, now);
  EXPECT_EQ(pause_of(circuit), seconds{2}) << "but no less than without a word";
}

TEST(Circuit, BeginsAnewOnceItWasClosed) {
  Circuit circuit;
  for (int failure = 0; failure < 5; ++failure) circuit.open(Errc::failed, "no", {}, now);
  circuit.close();
  EXPECT_FALSE(circuit.is_open(now));
  circuit.open(Errc::failed, "no", {}, now);
  EXPECT_EQ(pause_of(circuit), seconds{1});
}

}  // namespace
}  // namespace selfscale::agent
