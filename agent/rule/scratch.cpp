#include "agent/rule/scratch.h"

#include <algorithm>
#include <new>
#include <optional>
#include <span>

#include "agent/rule/literals.h"

namespace tiercel::rule {

void Scratch::bind(const Program& program) {
  epoch_ = 0;
  values_.assign(program.operands.size() * 2, Slot());
  test_stamps_.assign(program.tests.size() * 2, 0);
  lookups_.assign(program.operands.size() * 2, Lookup());
  pattern_epochs_.assign(size_t{program.pattern_count} * 2, 0);
  images_ = std::make_unique<ImageCache>();
  images_->bind(program.image_slots);
  image_ = nullptr;
  opens_ = std::make_unique<OpenCache>();
  opens_->bind(program.open_slots);
  open_.reset();
}

void Scratch::begin_event() {
  arena_.reset();
  hits_.clear();
  image_ = nullptr;
  open_.reset();
  view_ = context::PathView::kLexical;
  if (++epoch_ < UINT32_MAX / 2) return;
  std::fill(values_.begin(), values_.end(), Slot());
  std::fill(test_stamps_.begin(), test_stamps_.end(), 0);
  std::fill(lookups_.begin(), lookups_.end(), Lookup());
  std::fill(pattern_epochs_.begin(), pattern_epochs_.end(), 0);
  epoch_ = 1;
}

const Value& Scratch::operand(const Program& program, uint32_t index, Subject subject) {
  const Operand& operand = program.operands[index];
  Slot& own = values_[slot(operand.path, index, program.operands.size())];
  if (own.epoch == epoch_) return own.value;
  // In place: a value copied right after it was written in pieces has to wait for them.
  new (&own.value) Value(make(program, operand, subject));
  own.epoch = epoch_;
  return own.value;
}

Value Scratch::read(const FieldInfo& field, const FieldArg& arg, Subject subject) {
  if (field.get && subject.event) return field.get({*subject.event, arg, arena_, view_});
  return field.of_alert && subject.alert ? field.of_alert(*subject.alert, arena_) : Value();
}

Value Scratch::make(const Program& program, const Operand& operand, Subject subject) {
  switch (operand.kind) {
    case Operand::Kind::kField:
      return read(*operand.field, operand.arg, subject);
    case Operand::Kind::kLiteral:
      return Value::of_text(operand.literal);
    case Operand::Kind::kLiteralList:
    case Operand::Kind::kTransformer:
      break;
  }
  Value* parts = arena_.values(operand.parts.size());
  for (size_t n = 0; n < operand.parts.size(); ++n) parts[n] = this->operand(program, operand.parts[n], subject);
  const std::span<const Value> all{parts, operand.parts.size()};
  return operand.kind == Operand::Kind::kTransformer ? apply(operand, all, arena_) : Value::of_list(all);
}

bool Scratch::test(const Program& program, uint32_t index, Subject subject) {
  const Test& test = program.tests[index];
  if (!test.event_types.empty()) return subject.event && test.event_types[subject.event->info().type];
  const size_t at = slot(test.path, index, program.tests.size());
  if (test_stamps_[at] / 2 == epoch_) return (test_stamps_[at] & 1) != 0;
  bool result = false;
  if (test.indexed) {
    result = indexed_test(program, test, subject);
  } else if (const Value& left = operand(program, test.operand, subject); !left.missing()) {
    if (test.right == Test::kNoRight) {
      result = evaluate(test, left, nullptr);
    } else {
      const Value& right = operand(program, test.right, subject);
      result = evaluate(test, left, &right);
    }
  }
  test_stamps_[at] = epoch_ * 2 + (result ? 1 : 0);
  return result;
}

namespace {

// Numbers and addresses are looked up as their bytes; a value that is not of its field's type holds for nothing.
std::optional<std::string_view> key_of(TypeClass type, const Value& value) {
  const bool number = value.kind == ValueKind::kInt || value.kind == ValueKind::kUint;
  const bool address = value.kind == ValueKind::kIp4 || value.kind == ValueKind::kIp6;
  if (type == TypeClass::kText && value.is_text()) return value.view();
  if (type == TypeClass::kNumeric && number)
    return std::string_view(reinterpret_cast<const char*>(&value.u), sizeof value.u);
  if (type == TypeClass::kAddress && address)
    return std::string_view(reinterpret_cast<const char*>(value.ip.data()), value.kind == ValueKind::kIp4 ? 4 : 16);
  return std::nullopt;
}

}  // namespace

void Scratch::find_all(const Operand& operand, const match::Index& index, match::Kind kind, const Value& value) {
  if (value.kind == ValueKind::kList) {
    for (const Value& item : value.items()) find_all(operand, index, kind, item);
    return;
  }
  const auto key = key_of(class_of(operand.type), value);
  if (!key) return;
  const size_t stamps_at = slot(operand.path, 0, pattern_epochs_.size() / 2);
  index.find(kind, *key, [&](match::PatternId id) { hit(stamps_at, id); });
}

void Scratch::hit(size_t stamps_at, match::PatternId id) {
  uint32_t& stamp = pattern_epochs_[stamps_at + id];
  if (stamp == epoch_) return;
  stamp = epoch_;
  hits_.push_back(id);
}

std::pair<FoundTexts*, uint32_t> Scratch::kept_for(const Operand& operand, match::Kind kind, Subject subject) {
  if (!subject.event) return {};
  if (operand.image_slot != Operand::kNoIndex) {
    if (image_ == nullptr) image_ = &images_->of(subject.event->image_ptr());
    return {image_, operand.image_slot + operand.nth(kind)};
  }
  if (operand.open_slot == Operand::kNoIndex) return {};
  if (!open_) open_ = opens_->of(*subject.event);
  return {*open_, operand.open_slot + 2 * operand.nth(kind) + (view_ == context::PathView::kKernel ? 1 : 0)};
}

void Scratch::find_kept(const Program& program, uint32_t operand, match::Kind kind, Subject subject) {
  const Operand& compared = program.operands[operand];
  const auto [kept, place] = kept_for(compared, kind, subject);
  if (kept != nullptr) {
    if (const auto known = kept->found(place)) {
      const size_t stamps_at = slot(compared.path, 0, program.pattern_count);
      for (match::PatternId id : *known) hit(stamps_at, id);
      return;
    }
  }
  const size_t first = hits_.size();
  find_all(compared, program.indexes[compared.index], kind, this->operand(program, operand, subject));
  if (kept != nullptr) kept->keep(place, std::span(hits_).subspan(first));
}

void Scratch::look_up(const Program& program, uint32_t operand, match::Kind kind, Subject subject) {
  const Operand& compared = program.operands[operand];
  Lookup& lookup = lookups_[slot(compared.path, operand, program.operands.size())];
  uint32_t& done = lookup.epochs[static_cast<size_t>(kind)];
  if (done == epoch_) return;
  done = epoch_;
  const auto first = static_cast<uint32_t>(hits_.size());
  find_kept(program, operand, kind, subject);
  if (kind != match::Kind::kExact) return;
  lookup.first_exact = first;
  lookup.exacts = static_cast<uint32_t>(hits_.size()) - first;
}

bool Scratch::indexed_test(const Program& program, const Test& test, Subject subject) {
  look_up(program, test.operand, test.kind, subject);
  if (test.kind == match::Kind::kExact) {
    const Lookup& lookup = lookups_[slot(test.path, test.operand, program.operands.size())];
    for (uint32_t n = 0; n < lookup.exacts; ++n)
      if (std::binary_search(test.patterns.begin(), test.patterns.end(), hits_[lookup.first_exact + n])) return true;
    return false;
  }
  const size_t stamps_at = slot(test.path, 0, program.pattern_count);
  return std::any_of(test.patterns.begin(), test.patterns.end(),
                     [&](match::PatternId id) { return pattern_epochs_[stamps_at + id] == epoch_; });
}

bool Scratch::run(const Program& program, uint32_t entry, Subject subject) {
  uint32_t pc = entry;
  while (pc < kMiss) {
    const Inst& inst = program.code[pc];
    pc = test(program, inst.test, subject) ? inst.yes : inst.no;
  }
  return pc == kHit;
}

}  // namespace tiercel::rule
