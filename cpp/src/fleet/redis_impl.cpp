// Of Boost.Redis what writes commands alone: its connection keeps threads, a queue and a log of its
// own, and its parser is not for servers that nobody knows (redis_replies.hpp).
#include <boost/redis/impl/error.ipp>
#include <boost/redis/impl/request.ipp>
#include <boost/redis/resp3/impl/serialization.ipp>
#include <boost/redis/resp3/impl/type.ipp>
