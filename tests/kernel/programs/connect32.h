/* connect() by the 32-bit entry, as connect's own call or within socketcall. */
#pragma once

#include "int80.h"
#include "sockets.h"

#if defined(__x86_64__)
static inline int a_server(void)
{
	struct sockaddr_in any = in4("127.0.0.1", 0);
	int server = socket(AF_INET, SOCK_STREAM, 0);

	need(server >= 0 && bind(server, (void *)&any, sizeof(any)) == 0 && listen(server, 8) == 0, "a server");
	return server;
}

static inline struct sockaddr_in server_address(int server)
{
	struct sockaddr_in address;
	socklen_t size = sizeof(address);

	need(getsockname(server, (void *)&address, &size) == 0, "getsockname");
	return address;
}

static inline void do_connect(const struct sockaddr_in *address, long (*call)(int, const struct sockaddr_in *))
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	long result = call(fd, address);
	struct end local = local_end(fd), remote;

	end_of(address, &remote);
	truth_begin("connect", result);
	truth_errno_arg("evt.arg.res", result);
	truth_textf("evt.arg.tuple", "%s:%d->%s:%d", local.ip, local.port, remote.ip, remote.port);
	truth_textf("evt.arg.fd", "<4t>%s:%d->%s:%d", local.ip, local.port, remote.ip, remote.port);
	truth_textf("evt.arg.addr", "%s:%d", remote.ip, remote.port);
	truth_textf("fd.name", "%s:%d->%s:%d", local.ip, local.port, remote.ip, remote.port);
	truth_number("fd.num", fd);
	truth_number("fd.sport", remote.port);
	truth_end();
	close(fd);
}
#endif
