// Changes one word of its own child's memory from outside, with process_vm_writev. The child waits and is ended.
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static long word = 1;

int main(void) {
  const pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  long value = 2;
  struct iovec from = {&value, sizeof(value)}, to = {&word, sizeof(word)};
  if (process_vm_writev(child, &from, 1, &to, 1, 0) < 0) perror("process_vm_writev");
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  return 0;
}
