/* SPDX-License-Identifier: Apache-2.0 */
#include "http_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BACKLOG 1024

struct address {
	union {
		struct sockaddr any;
		struct sockaddr_in ip4;
		struct sockaddr_in6 ip6;
	};
	socklen_t len;
};

static bool port_of(uint16_t *port_be, const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end != '\0' || n > UINT16_MAX)
		return false;
	*port_be = htons((uint16_t)n);
	return true;
}

/* No names: who asks a name service can wait for long. Nothing before the colon is loopback. */
static bool address_of(struct address *a, const char *at)
{
	const char *colon = strrchr(at, ':');
	size_t len = colon != NULL ? (size_t)(colon - at) : 0;
	char host[64];

	*a = (struct address){ 0 };
	if (colon == NULL || len >= sizeof(host))
		return false;
	memcpy(host, at, len);
	host[len] = '\0';
	if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		a->ip6.sin6_family = AF_INET6;
		a->len = sizeof(a->ip6);
		return inet_pton(AF_INET6, host + 1, &a->ip6.sin6_addr) == 1 &&
		       port_of(&a->ip6.sin6_port, colon + 1);
	}
	a->ip4.sin_family = AF_INET;
	a->len = sizeof(a->ip4);
	if (len == 0 || strcmp(host, "localhost") == 0)
		strcpy(host, "127.0.0.1");
	return inet_pton(AF_INET, host, &a->ip4.sin_addr) == 1 &&
	       port_of(&a->ip4.sin_port, colon + 1);
}

static int failed(const char *at, int code, struct weir_err *err)
{
	const char *port = strrchr(at, ':') + 1;

	switch (code) {
	case EADDRINUSE:
		return weir_err_set(err, code,
				    "http.listen %s: another program listens there: ss -ltnp "
				    "'sport = :%s' shows which; stop it, or choose another port",
				    at, port);
	case EACCES:
		return weir_err_set(err, code,
				    "http.listen %s: ports below 1024 are for root: choose another",
				    at);
	case EADDRNOTAVAIL:
		return weir_err_set(err, code,
				    "http.listen %s: this machine has no such address: ip -br "
				    "address shows those it has",
				    at);
	default:
		return weir_err_set(err, code, "http.listen %s: cannot listen there: %s", at,
				    strerror(code));
	}
}

bool weir_http_is_loopback(const char *listen)
{
	struct address a;

	if (!address_of(&a, listen))
		return false;
	return a.any.sa_family == AF_INET ? ntohl(a.ip4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET
					  : IN6_IS_ADDR_LOOPBACK(&a.ip6.sin6_addr);
}

int http_listen(const char *at, struct weir_err *err)
{
	const int on = 1;
	struct address a;
	int fd, code;

	if (!address_of(&a, at))
		return weir_err_set(err, EINVAL,
				    "http.listen %s: must be ADDRESS:PORT, as 127.0.0.1:9740 or "
				    "[::1]:9740; names are not looked up",
				    at);
	fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    bind(fd, &a.any, a.len) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	code = errno;
	if (fd >= 0)
		close(fd);
	return failed(at, code, err);
}
