#include "drivers/hosted/options.hpp"

#include <algorithm>

namespace selfscale::drivers::hosted {
namespace {

bool is_plain(char letter) noexcept {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
         (letter >= '0' && letter <= '9');
}

}  // namespace

bool is_name(std::string_view text, std::string_view others) noexcept {
  if (text.empty() || text == "." || text == "..") return false;
  return std::all_of(text.begin(), text.end(), [others](char letter) {
    return is_plain(letter) || others.find(letter) != std::string_view::npos;
  });
}

OptionReader::OptionReader(std::string_view platform_json)
    : platform_(nlohmann::json::parse(platform_json, nullptr, /*allow_exceptions=*/false)) {
  if (!platform_.is_object()) platform_ = nlohmann::json::object();
}

const nlohmann::json* OptionReader::find(const char* key) {
  known_.emplace_back(key);
  const auto found = platform_.find(key);
  return found == platform_.end() ? nullptr : &*found;
}

void OptionReader::text(const char* key, std::string& target) {
  const auto* value = find(key);
  if (value == nullptr) return;
  const auto* words = value->get_ptr<const std::string*>();
  if (words == nullptr || words->empty()) return wrong(key, "must be a text that is not empty");
  target = *words;
}

void OptionReader::name(const char* key, std::string& target, std::string_view others) {
  text(key, target);
  const auto found = platform_.find(key);
  if (found != platform_.end() && found->is_string() && !is_name(target, others)) {
    wrong(key, "may have letters, digits and the signs " + std::string{others} + " alone");
  }
}

void OptionReader::flag(const char* key, bool& target) {
  const auto* value = find(key);
  if (value == nullptr) return;
  if (!value->is_boolean()) return wrong(key, "must be true or false");
  target = value->get<bool>();
}

void OptionReader::wrong(const std::string& key, const std::string& right) {
  if (std::find(mistaken_.begin(), mistaken_.end(), key) != mistaken_.end()) return;
  mistaken_.push_back(key);
  mistakes_ += (mistakes_.empty() ? "platform." : "; platform.") + key + " " + right;
}

Result<void> OptionReader::finish() {
  for (const auto& [key, value] : platform_.items()) {
    if (key == "driver" || key == "description" || key.starts_with("x-")) continue;
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    std::string all;
    for (const auto& name : known_) all += (all.empty() ? "" : ", ") + name;
    wrong(key, "is not known; there are " + all);
  }
  if (mistakes_.empty()) return {};
  return Failure{Errc::invalid_argument, mistakes_, {}};
}

}  // namespace selfscale::drivers::hosted
