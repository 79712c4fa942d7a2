#include "agent/config/output_keys.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <utility>

#include "agent/config/output_names.h"

namespace tiercel::config {
namespace {

constexpr size_t kNameBytesMax = 40;

std::vector<const OutputType*> output_types() {
  std::vector<const OutputType*> types;
  for (const auto& some : {local_output_types(), manager_output_types(), service_output_types()})
    for (const OutputType& type : some) types.push_back(&type);
  return types;
}

void read_type_names(Reading& r) {
  std::vector<std::string_view> names;
  for (const OutputType* type : output_types()) names.push_back(type->name);
  r.listed_words(names);
}

constexpr OutputKey kOutputKeys[] = {
    {"type",
     [](Reading& r, const TreeNode& n, OutputDraft& o) {
       if (r.listing()) return read_type_names(r);
       o.type_node = &n;
       r.text(n, o.type);
     }},
    {"config",
     [](Reading& r, const TreeNode& n, OutputDraft& o) {
       if (!r.listing()) o.config = &n;
     }},
};

// False: there is no such type.
bool read_output_config(Reading& r, const TreeNode& item, OutputDraft& draft) {
  if (draft.type_node == nullptr) {
    r.error(item, "needs a type");
    return false;
  }
  std::vector<std::string_view> names;
  for (const OutputType* type : output_types()) {
    names.push_back(type->name);
    if (type->name != draft.type) continue;
    draft.output = type->make();
    r.enter("config");
    if (draft.config != nullptr) r.map(*draft.config, type->keys, draft);
    if (type->check != nullptr) type->check(r, draft.config != nullptr ? *draft.config : item, draft.output);
    r.leave();
    return true;
  }
  r.enter("type");
  if (draft.type_node->kind == TreeNode::Kind::kScalar) r.no_such_word(*draft.type_node, names);
  r.leave();
  return false;
}

}  // namespace

void read_output_name(Reading& r, const TreeNode& node, Output& output) {
  r.text(node, output.name);
  if (r.listing() || node.kind != TreeNode::Kind::kScalar) return;
  const bool good = !output.name.empty() && output.name.size() <= kNameBytesMax &&
                    std::all_of(output.name.begin(), output.name.end(), [](unsigned char c) {
                      return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
                    });
  if (!good) r.error(node, "must be 1 to 40 letters, digits, dots, - and _");
  if (output.name == kManagersName) r.error(node, "is what the managers are called: take another");
  if (output.name == kHistoryName) r.error(node, "is what the history of alerts is called: take another");
}

void check_tls(Reading& r, const TreeNode& node, const Tls& tls) {
  if (tls.client_certificate.empty() != tls.client_key.empty())
    r.error(node, tls.client_key.empty() ? "has a client_certificate, and needs its client_key"
                                         : "has a client_key, and needs its client_certificate");
}

void read_url(Reading& r, const TreeNode& node, Secret& into) {
  r.secret(node, into);
  if (r.listing() || node.kind != TreeNode::Kind::kScalar) return;
  const std::string& url = into.reveal();
  if (url.empty()) return r.error(node, "is empty", "a ${VARIABLE} that is not set leaves nothing");
  const size_t host = url.starts_with("https://") ? 8 : url.starts_with("http://") ? 7 : 0;
  const bool odd = std::any_of(url.begin(), url.end(), [](unsigned char c) { return c <= ' ' || c == 0x7f; });
  if (host == 0 || odd || url.find_first_of("/?#", host) == host || url.size() == host)
    r.error(node, "must be a URL, from http:// or https://", "the value may be a secret and is not shown");
}

void read_outputs(Reading& r, const TreeNode& node, std::vector<OutputDraft>& outputs, bool& given) {
  if (r.listing()) {
    r.list(node, kOutputKeys, outputs);
    for (const OutputType* type : output_types()) {
      OutputDraft ignored;
      ignored.output = type->make();
      r.enter("[" + std::string(type->name) + "]");
      r.enter("config");
      r.map(node, type->keys, ignored);
      r.leave();
      r.leave();
    }
    return;
  }
  if (node.kind == TreeNode::Kind::kNull) return;
  given = true;
  std::vector<OutputDraft> read;
  r.list(node, kOutputKeys, read);
  for (size_t i = 0; i < read.size(); ++i) {
    r.enter("[" + std::to_string(i) + "]");
    if (node.items[i].kind == TreeNode::Kind::kMap && read_output_config(r, node.items[i], read[i]))
      outputs.push_back(std::move(read[i]));
    r.leave();
  }
}

void check_output_names(Reading& r, const std::vector<OutputDraft>& drafts) {
  std::set<std::string> names;
  for (const OutputDraft& draft : drafts)
    if (!draft.output.name.empty() && !names.insert(draft.output.name).second)
      r.error(*draft.type_node, "outputs: two have the name " + draft.output.name);
}

std::string_view output_type(const Output& output) {
  for (const OutputType* type : output_types())
    if (type->make().to.index() == output.to.index()) return type->name;
  return {};
}

std::vector<std::string> output_names(const std::vector<Output>& outputs) {
  std::set<std::string> taken;
  for (const Output& output : outputs)
    if (!output.name.empty()) taken.insert(output.name);
  std::vector<std::string> names;
  for (const Output& output : outputs) {
    std::string plain(output_type(output));
    if (const auto* file = std::get_if<FileOutput>(&output.to)) plain += " " + file->path;
    if (!output.name.empty() || plain == kManagersName) {
      names.push_back(output.name.empty() ? plain : output.name);
      continue;
    }
    std::string name = plain;
    for (int n = 2; !taken.insert(name).second; ++n) name = plain + "-" + std::to_string(n);
    names.push_back(std::move(name));
  }
  return names;
}

}  // namespace tiercel::config
