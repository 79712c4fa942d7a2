// Loads the smallest BPF program ("return 0"). Arguments ask for something else instead: "map" makes a map, "refused" loads
// a program that the verifier does not take.
#define _GNU_SOURCE
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static long load(int with_exit) {
  struct bpf_insn program[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0}, {.code = BPF_JMP | BPF_EXIT}};
  union bpf_attr attr;
  memset(&attr, 0, sizeof(attr));
  attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
  attr.insns = (uint64_t)(uintptr_t)program;
  attr.insn_cnt = with_exit ? 2 : 1;
  attr.license = (uint64_t)(uintptr_t) "GPL";
  return syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
}

static long map(void) {
  union bpf_attr attr;
  memset(&attr, 0, sizeof(attr));
  attr.map_type = BPF_MAP_TYPE_ARRAY;
  attr.key_size = 4;
  attr.value_size = 8;
  attr.max_entries = 1;
  return syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}

int main(int argc, char** argv) {
  if (argc < 2) {
    const long fd = load(1);
    if (fd < 0) perror("load");
    printf("program %ld\n", fd);
  }
  for (int n = 1; n < argc; ++n)
    printf("%s %ld\n", argv[n], strcmp(argv[n], "map") == 0 ? map() : load(0));
  return 0;
}
