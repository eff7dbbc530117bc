// The one place where Asio's TLS code is compiled.
#include <boost/asio/ssl/impl/src.hpp>
