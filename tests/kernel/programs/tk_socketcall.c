/* connect within socketcall, the i386's one call for all of sockets, from a 64-bit program by int 0x80. Asked for by name. */
#include "connect32.h"

#if defined(__x86_64__)
enum { CALL_CONNECT = 3 }; /* include/uapi/linux/net.h, SYS_CONNECT */

static long by_socketcall(int fd, const struct sockaddr_in *address)
{
	unsigned int args[3] = {fd, low(address, sizeof(*address)), sizeof(*address)};

	return int80(I386_socketcall, CALL_CONNECT, low(args, sizeof(args)), 0, 0);
}
#endif

int main(void)
{
#if defined(__x86_64__)
	truth_types("connect", NULL);
	if (!int80_works())
		return 0;
	int server = a_server();
	struct sockaddr_in address = server_address(server);

	do_connect(&address, by_socketcall);
	need(shutdown(server, SHUT_RDWR) == 0, "shutdown");
	do_connect(&address, by_socketcall); /* refused */
#endif
	return 0;
}
