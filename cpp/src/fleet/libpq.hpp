/// The functions of libpq, out of the library that is there when the program runs: linked, it would
/// bring nineteen others (Kerberos, LDAP, GnuTLS) and 3.4 MiB into every process that imports us.
#pragma once

#include <libpq-fe.h>

#include "model/result.hpp"

namespace selfscale::fleet {

struct Libpq {
  decltype(&::PQconninfoParse) conninfo_parse;
  decltype(&::PQconninfoFree) conninfo_free;
  decltype(&::PQconnectStartParams) connect_start;
  decltype(&::PQconnectPoll) connect_poll;
  decltype(&::PQfinish) finish;
  decltype(&::PQstatus) status;
  decltype(&::PQsocket) socket;
  decltype(&::PQerrorMessage) error_message;
  decltype(&::PQconnectionNeedsPassword) needs_password;
  decltype(&::PQsetErrorVerbosity) set_error_verbosity;
  decltype(&::PQsetNoticeReceiver) set_notice_receiver;
  decltype(&::PQsetnonblocking) set_nonblocking;
  decltype(&::PQsendQueryParams) send_query;
  decltype(&::PQflush) flush;
  decltype(&::PQconsumeInput) consume_input;
  decltype(&::PQisBusy) is_busy;
  decltype(&::PQgetResult) get_result;
  decltype(&::PQresultStatus) result_status;
  decltype(&::PQresultErrorField) error_field;
  decltype(&::PQntuples) rows;
  decltype(&::PQnfields) columns;
  decltype(&::PQgetvalue) value;
  decltype(&::PQclear) clear;
};

/// Loaded by the first call, which reads files for some milliseconds, and for good. Any thread.
/// Errc::unsupported: it is not there, or older than version 10.
Result<const Libpq*> libpq();

}  // namespace selfscale::fleet
