/// Access tokens for Google's APIs, renewed in time.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <optional>
#include <string>

#include "drivers/cloud_run/credentials.hpp"
#include "drivers/hosted/api.hpp"

namespace selfscale::drivers::cloud_run {

/// By the key file that the policy names, else by that of GOOGLE_APPLICATION_CREDENTIALS, else from
/// the metadata server (at GCE_METADATA_HOST, where that is set). The file is read anew for each
/// token. Another one is asked for from five minutes before its end on, every half a minute; until
/// it is there, the old one is used as long as it lasts. All members: on the io_context's
/// thread.
class TokenSource {
 public:
  TokenSource(boost::asio::io_context& io, std::string key_file, hosted::Surroundings surroundings);

  /// `is_refused`: the one given last was not accepted; it is not given again. Errc::denied: there
  /// are no credentials, or Google does not take them; Errc::storage: the file cannot be read; else
  /// what the call failed by.
  boost::asio::awaitable<Result<hosted::Credential>> get(Deadline until, bool is_refused);

 private:
  boost::asio::awaitable<Result<AccessToken>> fetch(Deadline until);
  boost::asio::awaitable<Result<AccessToken>> by_key(std::string file, Deadline until);
  boost::asio::awaitable<Result<AccessToken>> from_metadata(Deadline until);
  boost::asio::awaitable<Result<http::Answer>> ask(http::Address address, http::Call call);

  boost::asio::io_context& io_;
  std::string key_file_;
  hosted::Surroundings surroundings_;
  std::optional<Secret> held_;
  WallTime ends_at_;
  WallTime renew_at_;
};

}  // namespace selfscale::drivers::cloud_run
