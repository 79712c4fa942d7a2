#include "agent/control/message.h"

#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace tiercel::control {
namespace {

// Without recursion, so that a line of brackets cannot exhaust the stack.
constexpr unsigned kParseFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
// And from a MemoryStream, which knows its end: the validation of a StringStream reads on behind a text whose last
// character is cut off.

// The members of one flat object, as text.
struct FlatObject {
  std::map<std::string, std::string> members;
  std::string key;
  bool command_is_text = false;
  bool inside = false;

  bool put(std::string text) {
    if (!inside) return false;
    members[key] = std::move(text);
    return true;
  }
  bool Null() { return inside; }  // as if it were not there
  bool Bool(bool b) { return put(b ? "true" : "false"); }
  bool Int(int n) { return put(std::to_string(n)); }
  bool Uint(unsigned n) { return put(std::to_string(n)); }
  bool Int64(int64_t n) { return put(std::to_string(n)); }
  bool Uint64(uint64_t n) { return put(std::to_string(n)); }
  bool Double(double n) { return put(std::to_string(n)); }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) { return put(std::string(text, size)); }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    if (key == "command") command_is_text = true;
    return put(std::string(text, size));
  }
  bool StartObject() { return !std::exchange(inside, true); }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    key.assign(text, size);
    return true;
  }
  bool EndObject(rapidjson::SizeType) { return true; }
  bool StartArray() { return false; }
  bool EndArray(rapidjson::SizeType) { return false; }
};

// The member "error" of an object of any shape.
struct ErrorFinder : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, ErrorFinder> {
  std::string message;
  int depth = 0;
  bool is_error_key = false;

  bool Default() { return true; }
  bool StartObject() { return ++depth > 0; }
  bool EndObject(rapidjson::SizeType) { return --depth >= 0; }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    is_error_key = depth == 1 && std::string(text, size) == "error";
    return true;
  }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    if (std::exchange(is_error_key, false)) message.assign(text, size);
    return true;
  }
  bool StartArray() { return ++depth > 0; }
  bool EndArray(rapidjson::SizeType) { return --depth >= 0; }
};

using JsonWriter = rapidjson::Writer<rapidjson::StringBuffer, rapidjson::UTF8<>, rapidjson::UTF8<>,
                                     rapidjson::CrtAllocator, rapidjson::kWriteNoFlags>;

void put_text(JsonWriter& writer, const std::string& text) {
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

}  // namespace

Result<Request> parse_request(const std::string& line) {
  // For rapidjson a NUL is the end, which would hide what follows.
  if (line.find('\0') != std::string::npos) return fail("a request must be JSON: it holds a NUL byte", Fault::kUser);
  FlatObject object;
  rapidjson::Reader reader;
  rapidjson::MemoryStream stream(line.data(), line.size());
  if (const auto parsed = reader.Parse<kParseFlags>(stream, object); parsed.IsError()) {
    if (parsed.Code() == rapidjson::kParseErrorTermination)
      return fail("a request must be one flat JSON object, like {\"command\":\"status\"}", Fault::kUser);
    return fail(std::string("a request must be JSON: ") + rapidjson::GetParseError_En(parsed.Code()) + " (byte " +
                    std::to_string(parsed.Offset()) + ")",
                Fault::kUser);
  }
  auto command = object.members.find("command");
  if (command == object.members.end() || !object.command_is_text)
    return fail("a request needs a text \"command\"", Fault::kUser);
  Request request;
  request.command = command->second;
  object.members.erase(command);
  request.arguments = std::move(object.members);
  return request;
}

std::string request_line(const std::string& command, const std::map<std::string, std::string>& arguments) {
  rapidjson::StringBuffer buffer;
  JsonWriter writer(buffer);
  writer.StartObject();
  writer.Key("command");
  put_text(writer, command);
  for (const auto& [name, text] : arguments) {
    writer.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
    put_text(writer, text);
  }
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

std::string error_reply(const std::string& message) {
  rapidjson::StringBuffer buffer;
  JsonWriter writer(buffer);
  writer.StartObject();
  writer.Key("error");
  put_text(writer, message);
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

std::string error_of(const std::string& reply) {
  ErrorFinder finder;
  rapidjson::Reader reader;
  rapidjson::MemoryStream stream(reply.data(), reply.size());
  reader.Parse<kParseFlags>(stream, finder);
  return finder.message;
}

}  // namespace tiercel::control
