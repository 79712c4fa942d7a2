/* Does nothing: what tests start when only the start counts. A first argument "sleep" waits a tenth of a second. */
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "sleep"))
		usleep(100000);
	return 0;
}
