/// Random numbers that are the same on every machine and in every build.
#pragma once

#include <cmath>
#include <cstdint>

namespace selfscale::sim {

/// SplitMix64 (Steele, Lea, Flood 2014).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_{seed} {}

  std::uint64_t next() noexcept {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
    return mixed ^ (mixed >> 31U);
  }

  /// Uniform in (0, 1].
  double uniform() noexcept { return (static_cast<double>(next() >> 11U) + 1.0) * 0x1.0p-53; }

  /// Poisson: Knuth's product for small means, the normal approximation for large ones.
  double poisson(double mean) noexcept {
    if (mean <= 0.0) return 0.0;
    if (mean > 50.0) return std::fmax(0.0, std::round(mean + std::sqrt(mean) * normal()));
    const double limit = std::exp(-mean);
    double count = 0.0;
    for (double product = uniform(); product > limit; product *= uniform()) count += 1.0;
    return count;
  }

 private:
  /// Box and Muller.
  double normal() noexcept {
    constexpr double two_pi = 6.283185307179586;
    const double radius = std::sqrt(-2.0 * std::log(uniform()));
    return radius * std::cos(two_pi * uniform());
  }

  std::uint64_t state_;
};

}  // namespace selfscale::sim
