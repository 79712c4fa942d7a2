/* Sockets: what getsockname() and getpeername() say of them, as texts. */
#pragma once

#include "truth.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

struct end {
	char ip[64];
	int port;
};

static inline void end_of(const void *address, struct end *end)
{
	const struct sockaddr_in *v4 = address;
	const struct sockaddr_in6 *v6 = address;

	if (v4->sin_family == AF_INET) {
		inet_ntop(AF_INET, &v4->sin_addr, end->ip, sizeof(end->ip));
	} else if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) { /* shown as IPv4 */
		inet_ntop(AF_INET, v6->sin6_addr.s6_addr + 12, end->ip, sizeof(end->ip));
	} else {
		inet_ntop(AF_INET6, &v6->sin6_addr, end->ip, sizeof(end->ip));
	}
	end->port = ntohs(v4->sin_port); /* in the same place in both */
}

static inline struct end local_end(int fd)
{
	struct sockaddr_storage address = {};
	socklen_t len = sizeof(address);
	struct end end = {};

	need(getsockname(fd, (void *)&address, &len) == 0, "getsockname");
	end_of(&address, &end);
	return end;
}

static inline struct sockaddr_in in4(const char *ip, int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};

	inet_pton(AF_INET, ip, &address.sin_addr);
	return address;
}

static inline struct sockaddr_in6 in6(const char *ip, int port)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	inet_pton(AF_INET6, ip, &address.sin6_addr);
	return address;
}

static inline struct sockaddr_un un(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	return address;
}

static inline int listener(const void *address, socklen_t len, int backlog)
{
	int family = ((const struct sockaddr *)address)->sa_family;
	int fd = socket(family, SOCK_STREAM, 0);

	need(fd >= 0 && bind(fd, address, len) == 0 && listen(fd, backlog) == 0, "a listener");
	return fd;
}

static inline void truth_ends(const char *client_ip, int client_port, const char *server_ip, int server_port)
{
	truth_text("fd.cip", client_ip);
	truth_number("fd.cport", client_port);
	truth_text("fd.sip", server_ip);
	truth_number("fd.sport", server_port);
}
