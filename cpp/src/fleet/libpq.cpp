#include "fleet/libpq.hpp"

#include <dlfcn.h>

namespace selfscale::fleet {
namespace {

/// Takes functions out of a library, and knows whether all were there.
class Library {
 public:
  explicit Library(const char* name) : library_{::dlopen(name, RTLD_NOW | RTLD_LOCAL)} {}
  template <class Function>
  void find(const char* name, Function& function) {
    void* const found = library_ == nullptr ? nullptr : ::dlsym(library_, name);
    has_all_ = has_all_ && found != nullptr;
    function = reinterpret_cast<Function>(found);
  }
  [[nodiscard]] bool has_all() const { return has_all_; }

 private:
  void* library_;
  bool has_all_ = true;
};

bool load(Libpq& into) {
  Library library{"libpq.so.5"};
  library.find("PQconninfoParse", into.conninfo_parse);
  library.find("PQconninfoFree", into.conninfo_free);
  library.find("PQconnectStartParams", into.connect_start);
  library.find("PQconnectPoll", into.connect_poll);
  library.find("PQfinish", into.finish);
  library.find("PQstatus", into.status);
  library.find("PQsocket", into.socket);
  library.find("PQerrorMessage", into.error_message);
  library.find("PQconnectionNeedsPassword", into.needs_password);
  library.find("PQsetErrorVerbosity", into.set_error_verbosity);
  library.find("PQsetNoticeReceiver", into.set_notice_receiver);
  library.find("PQsetnonblocking", into.set_nonblocking);
  library.find("PQsendQueryParams", into.send_query);
  library.find("PQflush", into.flush);
  library.find("PQconsumeInput", into.consume_input);
  library.find("PQisBusy", into.is_busy);
  library.find("PQgetResult", into.get_result);
  library.find("PQresultStatus", into.result_status);
  library.find("PQresultErrorField", into.error_field);
  library.find("PQntuples", into.rows);
  library.find("PQnfields", into.columns);
  library.find("PQgetvalue", into.value);
  library.find("PQclear", into.clear);
  return library.has_all();
}

}  // namespace

Result<const Libpq*> libpq() {
  static Libpq functions{};
  static const bool is_there = load(functions);
  if (is_there) return &functions;
  return Failure{Errc::unsupported,
                 "PostgreSQL is reached through libpq.so.5, which is not there: apt-get install "
                 "libpq5",
                 {}};
}

}  // namespace selfscale::fleet
