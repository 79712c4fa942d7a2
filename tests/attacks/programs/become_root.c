// Changes its ids to root's, if the kernel lets it, and starts a program. usage: become_root PROGRAM [ARGUMENT...]
#include <sys/types.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (setreuid(0, 0) != 0 || argc < 2) return 1;
  execv(argv[1], argv + 1);
  return 2;
}
