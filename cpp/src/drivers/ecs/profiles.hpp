/// The two files that AWS' tools share, `~/.aws/credentials` and `~/.aws/config`. Pure; any thread.
/// Source: "Configuration and credential file settings" in the AWS CLI user guide.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "model/secret.hpp"

namespace selfscale::drivers::ecs {

/// A profile's settings by their names in lower case. Any of them may be a secret.
using Profile = std::map<std::string, Secret, std::less<>>;

/// The profile of that name: what the credentials say wins over what the configuration says. Lines
/// that are no setting, comments, and settings within settings are passed over, as AWS' own tools
/// do. Empty: neither file knows the name.
Profile read_profile(std::string_view name, std::string_view credentials_file,
                     std::string_view config_file);

/// A setting's text; empty where there is none.
std::string setting_of(const Profile& profile, std::string_view name);

}  // namespace selfscale::drivers::ecs
