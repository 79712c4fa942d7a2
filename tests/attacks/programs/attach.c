// Attaches to a running process, reads its registers and leaves it. usage: attach PID
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

int main(int argc, char** argv) {
  struct user_regs_struct registers;
  int pid = argc > 1 ? atoi(argv[1]) : 0;
  if (ptrace(PTRACE_ATTACH, pid, 0, 0) != 0) return 1;
  waitpid(pid, 0, 0);
  ptrace(PTRACE_GETREGS, pid, 0, &registers);
  printf("%llx\n", registers.rip);
  ptrace(PTRACE_DETACH, pid, 0, 0);
  return 0;
}
