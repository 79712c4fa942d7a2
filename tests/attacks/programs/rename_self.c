/* rename_self NAME [main|thread]: gives NAME to itself, or to a second thread of it. */
#define _GNU_SOURCE
#include <pthread.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static void *rename_it(void *name)
{
	prctl(PR_SET_NAME, name, 0, 0, 0);
	usleep(200000);
	return 0;
}

int main(int argc, char **argv)
{
	pthread_t other;

	if (argc < 2)
		return 2;
	if (argc > 2 && strcmp(argv[2], "thread") == 0) {
		pthread_create(&other, 0, rename_it, argv[1]);
		pthread_join(other, 0);
	} else {
		rename_it(argv[1]);
	}
	return 0;
}
