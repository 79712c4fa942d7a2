/* run_below PROGRAM [ARG...]: starts PROGRAM as its child and waits. Copied to a server's path it stands for a server that was talked into it. */
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	pid_t pid = fork();
	if (pid == 0) {
		execv(argv[1], argv + 1);
		_exit(127);
	}
	waitpid(pid, 0, 0);
	return 0;
}
