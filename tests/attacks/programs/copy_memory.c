// Copies a few bytes out of another process, a child of its own that holds them, by process_vm_readv; or out of itself, or of any
// other. usage: copy_memory child|self|PID
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static char kept[16] = "a secret";

int main(int argc, char** argv) {
  char got[16];
  struct iovec here = {got, sizeof got}, there = {kept, sizeof kept};
  pid_t pid = getpid();
  if (argc > 1 && strcmp(argv[1], "child") == 0) {
    pid = fork();
    if (pid == 0) {
      pause();
      return 0;
    }
  }
  const int made = pid != getpid();
  if (argc > 1 && atoi(argv[1]) > 0) pid = atoi(argv[1]);
  ssize_t size = process_vm_readv(pid, &here, 1, &there, 1, 0);
  if (made) {
    kill(pid, SIGKILL);
    waitpid(pid, 0, 0);
  }
  return size == sizeof got ? 0 : 1;
}
