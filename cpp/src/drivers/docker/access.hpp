/// Where the Docker Engine is, and what it takes to speak to it. Pure but for the files it reads.
#pragma once

#include <string>

#include "http/client.hpp"
#include "model/result.hpp"

namespace selfscale::drivers::docker {

/// What a policy says of the engine; both may be empty.
struct Host {
  std::string host;       ///< "unix:///var/run/docker.sock", "tcp://host:2376"
  std::string cert_path;  ///< a folder with ca.pem, cert.pem and key.pem
};

/// The environment's part of it.
struct Surroundings {
  std::string host;        ///< DOCKER_HOST
  std::string tls_verify;  ///< DOCKER_TLS_VERIFY; not empty: TLS
  std::string cert_path;   ///< DOCKER_CERT_PATH
  std::string home;        ///< HOME, in which ~/.docker is
};
Surroundings surroundings_of_this_process();

struct Access {
  http::Address engine;
  http::Tls tls;
};
/// The policy's host, else DOCKER_HOST, else the usual socket. TCP is with TLS where a folder of
/// certificates is named or DOCKER_TLS_VERIFY is set. Errc::unsupported: ssh and its like;
/// Errc::invalid_argument: no address, or a certificate that is not there.
Result<Access> find_access(const Host& host, const Surroundings& around);

}  // namespace selfscale::drivers::docker
