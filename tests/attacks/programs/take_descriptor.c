// Takes a copy of an open descriptor out of a process. usage: take_descriptor PID DESCRIPTOR
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  int process = syscall(SYS_pidfd_open, atoi(argv[1]), 0);
  int taken = syscall(438 /* pidfd_getfd */, process, atoi(argv[2]), 0);
  printf("%d\n", taken);
  return taken < 0;
}
