// Opens a file by creat(2), which other programs seldom use: creat_file FILE. Writes nothing.
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const int fd = (int)syscall(SYS_creat, argv[1], 0644);
  if (fd < 0) perror("creat");
  return 0;
}
