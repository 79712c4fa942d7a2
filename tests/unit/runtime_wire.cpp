#include "agent/runtime/wire.h"

#include <doctest/doctest.h>

#include "agent/runtime/grpc.h"

using namespace tiercel;
using namespace tiercel::runtime;
using Type = WireField::Type;
using namespace std::string_literals;

namespace {

bool is_broken(std::string_view message) {
  WireReader reader(message);
  for (WireField field; reader.next(field);) {
  }
  return reader.broken();
}

http::Response reply_with(std::string body, http::Headers trailers) {
  return {200, {{"content-type", "application/grpc"}}, std::move(body), std::move(trailers)};
}

}  // namespace

TEST_CASE("fields of each type are read in order, unknown ones too") {
  // 1: varint 300; 2: "ab"; 3: fixed32; 4: fixed64; 16: varint 1 (a tag of two bytes)
  const std::string message = "\x08\xac\x02\x12\x02"s + "ab" + "\x1d" + "1234" + "\x21" + "12345678" + "\x80\x01\x01"s;
  WireReader reader(message);
  WireField field;
  REQUIRE(reader.next(field));
  CHECK(field.number == 1);
  CHECK(field.value == 300);
  REQUIRE(reader.next(field));
  CHECK(field.type == Type::kBytes);
  CHECK(field.bytes == "ab");
  REQUIRE(reader.next(field));
  CHECK(field.bytes == "1234");
  REQUIRE(reader.next(field));
  CHECK(field.bytes == "12345678");
  REQUIRE(reader.next(field));
  CHECK(field.number == 16);
  CHECK_FALSE(reader.next(field));
  CHECK_FALSE(reader.broken());
}

TEST_CASE("a message that is none is broken, wherever it ends") {
  CHECK_FALSE(is_broken(""));
  CHECK(is_broken("\x08"));                                          // no number
  CHECK(is_broken("\x08\x80"));                                      // half a number
  CHECK(is_broken("\x12"));                                          // no length
  CHECK(is_broken("\x12\x03"s + "ab"));                              // a length beyond the end
  CHECK(is_broken("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));  // a length of 2^64 - 1
  CHECK(is_broken("\x08"s + std::string(10, '\xff')));               // more than 64 bits
  CHECK(is_broken("\x08"s + std::string(9, '\xff') + "\x02"));       // as well
  CHECK(is_broken("\x02\x00"s));                                     // field 0
  CHECK(is_broken("\x0b\x0c"));                                      // a group
  CHECK(is_broken("\x0e"));                                          // type 6
  CHECK(is_broken("\x0d"s + "123"));                                 // half a fixed32
  CHECK(is_broken("\x80\x80\x80\x80\x80\x01\x00"s));                 // a field number beyond 32 bits
}

TEST_CASE("what is written is read again") {
  std::string message;
  write_text(message, 1, "key");
  write_text(message, 2, std::string(300, 'v'));
  write_text(message, 3, "");
  write_flag(message, 4, false);
  std::pair<std::string_view, std::string_view> entry;
  REQUIRE(read_entry(message, entry));
  CHECK(entry.first == "key");
  CHECK(entry.second == std::string(300, 'v'));
  CHECK(message.size() == 2 + 3 + 3 + 300);
  std::string flag;
  write_flag(flag, 2, true);
  CHECK(flag == "\x10\x01");
  CHECK_FALSE(read_entry("\x0a\x05", entry));
}

TEST_CASE("a frame holds one message that is not compressed") {
  CHECK(grpc::frame("abc") == "\0\0\0\0\3abc"s);
  CHECK(*grpc::unframe(grpc::frame("abc")) == "abc");
  CHECK(grpc::unframe(grpc::frame(""))->empty());
  CHECK_FALSE(grpc::unframe("").has_value());
  CHECK_FALSE(grpc::unframe("\0\0\0\0"s).has_value());
  CHECK_FALSE(grpc::unframe("\1\0\0\0\3abc"s).has_value());
  CHECK_FALSE(grpc::unframe("\0\0\0\0\4abc"s).has_value());
  CHECK_FALSE(grpc::unframe("\0\0\0\0\2abc"s).has_value());
  CHECK_FALSE(grpc::unframe("\0\xff\xff\xff\xff"
                            "abc"s)
                  .has_value());
}

TEST_CASE("a reply is what its status says") {
  const auto good = grpc::read_reply(reply_with(grpc::frame("m"), {{"grpc-status", "0"}}));
  REQUIRE(good.has_value());
  CHECK(good->status == grpc::kOk);
  CHECK(good->message == "m");

  http::Response only_headers = reply_with("", {});
  only_headers.headers.emplace_back("grpc-status", "5");
  const auto missing = grpc::read_reply(only_headers);
  REQUIRE(missing.has_value());
  CHECK(missing->status == grpc::kNotFound);

  CHECK_FALSE(grpc::read_reply(reply_with(grpc::frame("m"), {})).has_value());
  CHECK_FALSE(grpc::read_reply(reply_with("", {{"grpc-status", "0"}})).has_value());
  for (const char* status : {"", "x", "0x", "-1", "17", "99999999999999999999"})
    CHECK_FALSE(grpc::read_reply(reply_with(grpc::frame("m"), {{"grpc-status", status}})).has_value());
  http::Response page = reply_with(grpc::frame("m"), {{"grpc-status", "0"}});
  page.headers = {{"content-type", "text/html"}};
  CHECK_FALSE(grpc::read_reply(page).has_value());
  page = reply_with(grpc::frame("m"), {{"grpc-status", "0"}});
  page.status = 404;
  CHECK_FALSE(grpc::read_reply(page).has_value());
  // A status before the message is no trailer.
  page = reply_with(grpc::frame("m"), {});
  page.headers.emplace_back("grpc-status", "0");
  CHECK_FALSE(grpc::read_reply(page).has_value());
}
