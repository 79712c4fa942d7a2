// Makes a file system's context by the newer calls and names its source: new_mount TYPE SOURCE [KEY]. What it makes is
// attached nowhere and ends with the program. With KEY that is set instead of the source.
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_fsopen
#define SYS_fsopen 430
#define SYS_fsconfig 431
#define SYS_fsmount 432
#endif

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const int fs = (int)syscall(SYS_fsopen, argv[1], 0);
  if (fs < 0) perror("fsopen");
  if (syscall(SYS_fsconfig, fs, 1, argc > 3 ? argv[3] : "source", argv[2], 0) != 0) perror("fsconfig string");  // FSCONFIG_SET_STRING
  if (syscall(SYS_fsconfig, fs, 6, NULL, NULL, 0) != 0) perror("fsconfig create");  // FSCONFIG_CMD_CREATE
  if (syscall(SYS_fsmount, fs, 0, 0) < 0) perror("fsmount");
  return 0;
}
