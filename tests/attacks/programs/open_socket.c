// open_socket FAMILY TYPE PROTOCOL: opens a socket of these numbers and waits a moment. For kinds that scripting languages in
// an image perhaps do not know; being static, it runs under any name.
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: open_socket FAMILY TYPE PROTOCOL\n");
    return 2;
  }
  int fd = socket(atoi(argv[1]), atoi(argv[2]), atoi(argv[3]));
  if (fd < 0) {
    perror("socket");
    return 1;
  }
  usleep(10000);
  close(fd);
  return 0;
}
