/* Writes a byte to its standard output, first thing. */
#include <unistd.h>

int main(void)
{
	return write(1, "x", 1) == 1 ? 0 : 1;
}
