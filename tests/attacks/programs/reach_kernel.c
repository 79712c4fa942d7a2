// Asks the kernel for what local exploits begin with. usage: reach_kernel netfilter|route|userfaultfd|bpf
#define _GNU_SOURCE
#include <linux/bpf.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char** argv) {
  const char* what = argc > 1 ? argv[1] : "";
  long got = -1;
  if (strcmp(what, "netfilter") == 0) got = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
  if (strcmp(what, "route") == 0) got = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  if (strcmp(what, "userfaultfd") == 0) got = syscall(SYS_userfaultfd, 1);
  if (strcmp(what, "bpf") == 0) {
    struct bpf_insn end[] = {{0xb7, 0, 0, 0, 0}, {0x95, 0, 0, 0, 0}};
    union bpf_attr load;
    memset(&load, 0, sizeof load);
    load.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
    load.insns = (unsigned long)end;
    load.insn_cnt = 2;
    load.license = (unsigned long)"GPL";
    got = syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof load);
  }
  printf("%ld\n", got);
  return got < 0;
}
