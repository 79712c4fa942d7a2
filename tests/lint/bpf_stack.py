#!/usr/bin/env python3
"""The longest chain of calls in the BPF object needs no more stack than old kernels give: 512 bytes over all frames, each rounded
up to 32 (kernel/bpf/verifier.c, check_max_stack_depth_subprog; newer kernels round to 16, and from 6.13 programs that trace may
have stacks of their own). The verifier of the machine that builds says nothing of it, and that of a user's would refuse to load.
"""

import functools
import struct
import sys

LIMIT, ROUND, FRAMES = 512, 32, 8
FRAME_POINTER = 10
CALL, LOAD_64, MOVE, ADD = 0x85, 0x18, 0xbf, 0x07
LOAD, STORE, STORE_VALUE = 1, 3, 2  # classes of instructions
FUNCTION, SECTION = 2, 3  # types of symbols
TO_ADDRESS, TO_CALL = 1, 10  # R_BPF_64_64, R_BPF_64_32


def text_at(data, at):
    return data[at:data.index(b"\0", at)].decode()


class Object:
    """Functions of an ELF object: where they are, and what is in them."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = file.read()
        offset, = struct.unpack_from("<Q", self.data, 40)
        size, count, _ = struct.unpack_from("<HHH", self.data, 58)
        # (type, offset, size, link, info) of each section
        self.sections = [struct.unpack_from("<4xI16xQQII", self.data, offset + number * size) for number in range(count)]
        self.symbols = next(self._symbols(section) for section in self.sections if section[0] == 2)
        self.functions = {(where, value): (name, length) for name, kind, where, value, length in self.symbols if kind == FUNCTION}
        self.relocations = {section[4]: {at: (info >> 32, info & 0xffffffff) for at, info in struct.iter_unpack("<QQ", self._bytes(section))}
                            for section in self.sections if section[0] == 9}

    def _bytes(self, section):
        return self.data[section[1]:section[1] + section[2]]

    def _symbols(self, section):
        names = self.sections[section[3]][1]
        return [(text_at(self.data, names + name), info & 15, where, value, length)
                for name, info, _, where, value, length in struct.iter_unpack("<IBBHQQ", self._bytes(section))]

    def code(self, function):
        """[(place in the section, opcode, to, from, offset, value)]"""
        where, start = function
        offset, length = self.sections[where][1], self.functions[function][1]
        found, at = [], start
        while at < start + length:
            opcode, registers, off, value = struct.unpack_from("<BBhi", self.data, offset + at)
            found.append((at, opcode, registers & 15, registers >> 4, off, value))
            at += 16 if opcode == LOAD_64 else 8
        return found

    def _target(self, function, at, opcode, from_, value):
        """The function that an instruction calls, or hands on to be called."""
        where = function[0]
        symbol, kind = self.relocations.get(where, {}).get(at, (None, None))
        if symbol is None:
            return (where, at + 8 + value * 8) if opcode == CALL and from_ == 1 else None
        _, symbol_kind, section, start, _ = self.symbols[symbol]
        if opcode == CALL and kind == TO_CALL:
            return (section, (0 if symbol_kind == FUNCTION else start) + (value + 1) * 8) if symbol_kind == SECTION else (section, start)
        return (section, start + (value if symbol_kind == SECTION else 0)) if opcode == LOAD_64 and kind == TO_ADDRESS else None

    def calls(self, function):
        targets = {self._target(function, at, opcode, from_, value) for at, opcode, _, from_, _, value in self.code(function)}
        return {target for target in targets if target in self.functions}

    def stack(self, function):
        """Bytes below the frame pointer that it uses itself."""
        deepest, previous = 0, None
        for instruction in self.code(function):
            _, opcode, to, from_, off, value = instruction
            kind = opcode & 7
            if (kind == LOAD and from_ == FRAME_POINTER) or (kind in (STORE, STORE_VALUE) and to == FRAME_POINTER):
                deepest = max(deepest, -off)
            elif opcode == ADD and previous and previous[1] == MOVE and previous[2] == to and previous[3] == FRAME_POINTER:
                deepest = max(deepest, -value)
            previous = instruction
        return deepest


def chains(path):
    """Of each function that nobody calls: (bytes, [(name, bytes of its frame)]) of its deepest chain."""
    code = Object(path)

    @functools.lru_cache(None)
    def deepest(function):
        own = max(-(-code.stack(function) // ROUND), 1) * ROUND
        below = max((deepest(target) for target in code.calls(function)), default=(0, ()))
        return own + below[0], ((code.functions[function][0], own), *below[1])

    called = set().union(*(code.calls(function) for function in code.functions))
    return sorted((deepest(function) for function in code.functions if function not in called), reverse=True)


def main():
    wrong = 0
    for path in sys.argv[1:]:
        found = chains(path)
        if len(found) < 1 or found[0][0] < ROUND:
            wrong += 1
            print(f"{path}: no program in it")
        for total, chain in found:
            if total > LIMIT or len(chain) > FRAMES:
                wrong += 1
                print(f"{path}: {total} bytes of stack, of {LIMIT}: {', '.join(f'{name} {own}' for name, own in chain)}")
        print(f"bpf stack: {len(found)} programs, the deepest {found[0][0]} of {LIMIT} bytes ({found[0][1][0][0]})")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
