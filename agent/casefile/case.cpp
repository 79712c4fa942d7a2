#include "agent/casefile/case.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <tuple>

#include "agent/base/fd.h"
#include "agent/casefile/map_reader.h"
#include "agent/casefile/process_reader.h"
#include "agent/rule/event_names.h"
#include "agent/rule/item_reader.h"
#include "agent/rule/names.h"
#include "agent/rule/threshold.h"
#include "agent/rule/yaml.h"
#include "decoders/compose.h"

namespace tiercel::casefile {
namespace {

using rule::YamlNode;

constexpr size_t kFileBytesMax = 16u << 20;
constexpr int64_t kCountMax = 1'000'000'000;
constexpr uint32_t kRepeatMax = 10'000;

std::string right_trimmed(std::string text) {
  while (!text.empty() && rule::is_blank(text.back())) text.pop_back();
  return text;
}

class CaseReader {
 public:
  CaseReader(const std::string& path, Diagnostics& diagnostics) : diagnostics_(diagnostics) {
    out_.path = path;
    folder_ = std::filesystem::path(path).parent_path();
  }

  CaseFile read(const YamlNode& document) {
    if (document.kind == YamlNode::Kind::kSequence) {
      read_cases(document);
      return std::move(out_);
    }
    MapReader map(document, "the file", diagnostics_);
    if (const YamlNode* rules = map.node("rules")) {
      out_.rules_position = rules->mark.position();
      if (auto paths = map.texts("rules"))
        for (const std::string& path : *paths) out_.rules.push_back(beside(path));
    }
    if (const YamlNode* enable = map.node("enable")) read_names(*enable, out_.enable, "`enable`");
    shared_ = map.node("process");
    const YamlNode* cases = map.node("cases");
    map.finish();
    if (!cases)
      map.error(document, "there are no `cases` in it", "`cases:` is a list of maps with name, process, event, expect");
    else
      read_cases(*cases);
    return std::move(out_);
  }

 private:
  // Paths in a case file start where the file is.
  [[nodiscard]] std::string beside(const std::string& path) const {
    return (folder_ / path).lexically_normal().string();
  }

  void read_cases(const YamlNode& list) {
    if (list.kind != YamlNode::Kind::kSequence)
      return diagnostics_.error(list.mark.position(), "`cases` has to be a list", "each case begins with `- name:`");
    if (list.items.empty()) diagnostics_.error(list.mark.position(), "there is no case in it");
    for (const YamlNode& item : list.items) read_case(item);
  }

  void read_case(const YamlNode& node) {
    const size_t errors = diagnostics_.errors();
    Case out;
    out.position = node.mark.position();
    MapReader map(node, "the case", diagnostics_);
    if (auto name = map.text("name")) out.name = *name;
    if (const YamlNode* name = node.find("name")) out.position = name->mark.position();
    const YamlNode* process = map.node("process");
    const YamlNode* event = map.node("event");
    const YamlNode* events = map.node("events");
    const YamlNode* bystanders = map.node("bystanders");
    const YamlNode* recording = map.node("recording");
    if (recording) read_recording(map, out);
    if (out.name.empty() && node.kind == YamlNode::Kind::kMap && !recording)
      map.error(node, "the case has no `name`", "a few words that tell what happens");
    for (const Case& other : out_.cases)
      if (!out.name.empty() && other.name == out.name)
        map.error(*node.find("name"), "another case has this name",
                  "line " + std::to_string(other.position.line) + "; names tell cases apart");
    if (recording && (process || event || events))
      map.error(*recording, "a case has a `recording` or a `process` with an `event`, not both");
    if (!recording && node.kind == YamlNode::Kind::kMap) read_scene(map, process, event, events, bystanders, out);
    read_expect(map, out);
    if (const YamlNode* others = map.node("others")) {
      out.others_allowed = others->is_scalar() && others->str() == "allowed";
      if (!out.others_allowed)
        map.error(*others, "`others` takes the word allowed", "without it, no other rule may match");
    }
    if (const YamlNode* output = map.node("output")) read_output(*output, map, out);
    map.finish();
    if (diagnostics_.errors() == errors) out_.cases.push_back(std::move(out));
  }

  void read_recording(MapReader& map, Case& out) {
    auto path = map.text("recording");
    if (!path) return;
    if (path->empty()) map.error(*map.map().find("recording"), "`recording` names no file");
    out.recording = beside(*path);
    if (out.name.empty()) out.name = *path;
  }

  void read_scene(MapReader& map, const YamlNode* process, const YamlNode* event, const YamlNode* events,
                  const YamlNode* bystanders, Case& out) {
    People people;
    if (process || shared_)
      out.line = read_line(shared_, process, people, diagnostics_);
    else
      map.error(map.map(), "the case has no `process`", "`process: {name: bash, args: [-i]}` tells who does it");
    if (bystanders && !out.line.empty()) {
      const std::vector<YamlNode> one{*bystanders};
      for (const YamlNode& item : bystanders->kind == YamlNode::Kind::kSequence ? bystanders->items : one)
        out.siblings.push_back(read_sibling(out.line.front(), item, people, diagnostics_));
    }
    if ((event != nullptr) == (events != nullptr))
      map.error(event ? *event : map.map(), "the case needs an `event`, or a list of `events`",
                "for example `event: {openat: {name: /etc/shadow, flags: O_RDONLY}}`, or `event: execve`");
    else if (event)
      read_event(*event, people, out);
    else if (events->kind != YamlNode::Kind::kSequence || events->items.empty())
      map.error(*events, "`events` is a list");
    else
      for (const YamlNode& item : events->items) read_event(item, people, out);
    out.users = people.users;
    out.groups = people.groups;
  }

  // `execve`, or {openat: {name: x}}, with `repeat`, `every` and `process` beside the type.
  void read_event(const YamlNode& node, People& people, Case& out) {
    const YamlNode* type = node.is_scalar() ? &node : nullptr;
    const YamlNode* params = nullptr;
    size_t types = type ? 1 : 0;
    for (const auto& [key, value] : node.entries) {
      if (key.str() == "repeat" || key.str() == "every" || key.str() == "process") continue;
      ++types;
      type = &key;
      params = &value;
    }
    if (types != 1)
      return diagnostics_.error(node.mark.position(), "an event is one type, with its parameters below it",
                                "for example {openat: {name: /etc/shadow}}; `tiercel events` lists them");
    EventSpec event;
    event.info = event_named(*type);
    event.position = type->mark.position();
    if (!event.info) return;
    const size_t errors = diagnostics_.errors();
    if (const YamlNode* every = node.find("every")) read_every(*every, event);
    if (const YamlNode* who = node.find("process")) read_sibling_of(*who, people, event, out);
    const YamlNode* repeat = node.find("repeat");
    const size_t times = repeat ? read_repeat(*repeat) : 1;
    for (size_t n = 1; n <= times && diagnostics_.errors() == errors; ++n) {
      EventSpec one = event;
      if (params) read_params(*params, *event.info, people, repeat ? std::to_string(n) : "", one);
      out.events.push_back(std::move(one));
    }
  }

  // Events whose `process` is written alike are the same process's.
  void read_sibling_of(const YamlNode& node, People& people, EventSpec& event, Case& out) {
    if (out.line.empty()) return;
    ProcessSpec spec = read_sibling(out.line.front(), node, people, diagnostics_);
    for (size_t n = 0; n < out.siblings.size() && event.sibling == 0; ++n)
      if (out.siblings[n].name == spec.name && out.siblings[n].exe == spec.exe && out.siblings[n].args == spec.args)
        event.sibling = n + 1;
    if (event.sibling != 0) return;
    out.siblings.push_back(std::move(spec));
    event.sibling = out.siblings.size();
  }

  void read_every(const YamlNode& node, EventSpec& event) {
    const auto ns = node.is_scalar() ? rule::parse_timespan(node.str()) : std::nullopt;
    if (ns)
      event.after_ns = *ns;
    else
      diagnostics_.error(node.mark.position(), "`every` takes a number and a unit (ms, s, m, h), up to 24h",
                         "for example `every: 100ms`: so long after the event before it");
  }

  size_t read_repeat(const YamlNode& node) {
    const auto times = rule::parse_yaml_number(node.is_scalar() ? node.str() : "");
    if (times && *times >= 1 && *times <= kRepeatMax) return *times;
    diagnostics_.error(node.mark.position(), "`repeat` takes a number from 1 to " + std::to_string(kRepeatMax),
                       "{n} in the parameters is 1 the first time, 2 the second, and so on");
    return 0;
  }

  static void number_words(std::vector<std::string>& words, const std::string& number) {
    static constexpr std::string_view kPlace = "{n}";
    for (std::string& word : words)
      for (size_t at = word.find(kPlace); at != std::string::npos; at = word.find(kPlace, at + number.size()))
        word.replace(at, kPlace.size(), number);
  }

  const decoders::EventInfo* event_named(const YamlNode& type) {
    const decoders::EventInfo* info = decoders::event_by_name(type.str());
    if (info && !(info->flags & decoders::EF_INTERNAL)) return info;
    if (!info && rule::event_number(type.str())) {
      diagnostics_.error(type.mark.position(), "no kernel event feeds '" + type.str() + "' yet, so no rule can see one",
                         "`tiercel events` lists those that there are");
      return nullptr;
    }
    std::vector<std::string_view> names;
    for (const decoders::EventInfo& event : decoders::all_events())
      if (!(event.flags & decoders::EF_INTERNAL)) names.push_back(event.name);
    const std::string near = rule::nearest(type.str(), names);
    diagnostics_.error(type.mark.position(), "there is no event type '" + type.str() + "'",
                       near.empty() ? "`tiercel events` lists them" : "did you mean '" + near + "'?");
    return nullptr;
  }

  // Each parameter is tried on a record of its own, so that a mistake is told where it was written.
  // number: what {n} stands for; "" where it is a text like any other.
  void read_params(const YamlNode& node, const decoders::EventInfo& info, const People& people,
                   const std::string& number, EventSpec& event) {
    if (node.kind == YamlNode::Kind::kNull) return;
    if (node.kind != YamlNode::Kind::kMap)
      return diagnostics_.error(node.mark.position(), "the parameters of an event are a map of `name: value`");
    const decoders::IdsOf ids = people.ids();
    decoders::Composer trial(info, ids);
    for (const auto& [key, value] : node.entries) {
      ParamSpec param;
      param.name = key.str();
      param.name_position = key.mark.position();
      param.position = value.mark.position();
      if (trial.given(param.name)) {
        diagnostics_.error(param.name_position, "`" + param.name + "` is given twice");
        continue;
      }
      auto words = texts_of(value);
      if (!words) {
        diagnostics_.error(param.position, "`" + param.name + "` takes a value");
        continue;
      }
      param.words = std::move(*words);
      if (!number.empty()) number_words(param.words, number);
      auto done = trial.set(param.name, param.words);
      if (!done) refuse(param, trial, done.error());
      event.params.push_back(std::move(param));
    }
  }

  void refuse(const ParamSpec& param, const decoders::Composer& trial, const decoders::ComposeError& error) {
    const std::vector<std::string_view> names = trial.names();
    if (std::find(names.begin(), names.end(), param.name) != names.end())
      return diagnostics_.error(param.position, "`" + param.name + "`: " + error.message, error.hint);
    std::string hint;
    if (trial.is_of_process(param.name)) {
      hint = "`" + param.name + "` is the process's: see the keys of `process:`";
    } else if (param.name == "res" && std::find(names.begin(), names.end(), "fd") != names.end()) {
      hint = "its result is `fd`: a descriptor, or an error such as ENOENT";
    } else if (const std::string near = rule::nearest(param.name, names); !near.empty()) {
      hint = "did you mean `" + near + "`?";
    } else {
      for (std::string_view name : names) hint += (hint.empty() ? "it takes: " : ", ") + std::string(name);
    }
    diagnostics_.error(param.name_position, error.message, hint);
  }

  void read_names(const YamlNode& node, std::vector<ExpectSpec>& out, const std::string& what) {
    const std::vector<YamlNode> one{node};
    for (const YamlNode& item : node.kind == YamlNode::Kind::kSequence ? node.items : one) {
      if (item.is_scalar() && !item.str().empty())
        out.push_back({item.str(), std::nullopt, item.mark.position()});
      else
        diagnostics_.error(item.mark.position(), what + " takes names of rules");
    }
  }

  void read_expect(MapReader& map, Case& out) {
    const YamlNode* node = map.node("expect");
    if (!node) {
      if (map.map().kind == YamlNode::Kind::kMap)
        map.error(map.map(), "the case does not say what it expects",
                  "`expect: [Name of a rule]`, or `expect: []` where nothing may match");
      return;
    }
    if (node->kind != YamlNode::Kind::kMap) {
      read_names(*node, out.expect, "`expect`");
    } else {
      for (const auto& [key, value] : node->entries) {
        const auto count = decoders::parse_number(decoders::Kind::kUINT32, value.is_scalar() ? value.str() : "", {});
        if (count && *count <= kCountMax)
          out.expect.push_back({key.str(), static_cast<uint64_t>(*count), key.mark.position()});
        else
          map.error(value, "how often '" + key.str() + "' has to match is a number");
      }
    }
    for (size_t n = 0; n < out.expect.size(); ++n)
      for (size_t m = 0; m < n; ++m)
        if (out.expect[m].rule == out.expect[n].rule)
          diagnostics_.error(out.expect[n].position, "'" + out.expect[n].rule + "' is expected twice");
  }

  void read_output(const YamlNode& node, MapReader& map, Case& out) {
    out.output.position = node.mark.position();
    if (node.is_scalar()) {
      out.output.equals = right_trimmed(node.str());
    } else {
      MapReader output(node, "`output`", diagnostics_);
      if (auto equals = output.text("equals")) out.output.equals = right_trimmed(*equals);
      if (auto contains = output.texts("contains")) out.output.contains = *contains;
      output.finish();
      if (!out.output.equals && out.output.contains.empty() && node.kind == YamlNode::Kind::kMap)
        map.error(node, "`output` is a text, or a map with `equals` or `contains`");
    }
    if (out.expect.size() != 1 || !out.recording.empty())
      map.error(node, "`output` is that of one rule", "it needs a case with an event that expects exactly one rule");
  }

  Diagnostics& diagnostics_;
  CaseFile out_;
  std::filesystem::path folder_;
  const YamlNode* shared_ = nullptr;
};

}  // namespace

CaseFile read_cases_text(const std::string& path, const std::string& text, Diagnostics& diagnostics) {
  Diagnostics found;
  std::vector<YamlNode> documents;
  CaseFile out;
  out.path = path;
  if (rule::read_yaml(text, &path, found, documents)) {
    if (documents.empty())
      found.error({path, 0, 0}, "the file is empty", "docs/rule-tests.md has an example");
    else
      out = CaseReader(path, found).read(documents.front());
    if (documents.size() > 1)
      found.error(documents[1].mark.position(), "a second document begins here", "a case file is one YAML document");
  }
  // What the cases share is read with each of them, and is wrong only once.
  diagnostics.add_source(path, text);
  std::map<std::tuple<int, int, std::string>, const Diagnostic*> sorted;
  for (const Diagnostic& d : found.all()) sorted.try_emplace({d.position.line, d.position.column, d.message}, &d);
  for (const auto& [key, d] : sorted) diagnostics.add(*d);
  return out;
}

CaseFile read_cases(const std::string& path, Diagnostics& diagnostics) {
  const auto text = read_file(path, kFileBytesMax);
  if (text) return read_cases_text(path, *text, diagnostics);
  diagnostics.error({path, 0, 0}, text.error().message, "check the path and its permissions");
  CaseFile out;
  out.path = path;
  return out;
}

}  // namespace tiercel::casefile
