/* Becomes a user and then a program: run_as UID PROGRAM [ARGUMENT]... Reads no file of users, whatever that is. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	unsigned id;

	if (argc < 3)
		return 2;
	id = strtoul(argv[1], NULL, 10);
	if (syscall(SYS_setgroups, 0, NULL) || syscall(SYS_setresgid, id, id, id) || syscall(SYS_setresuid, id, id, id)) {
		perror("run_as");
		return 1;
	}
	execv(argv[2], argv + 2);
	perror(argv[2]);
	return 1;
}
