/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc_priv.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* "[::1]:80", "1.2.3.4:80", "name:80": the part before the last colon, and the number behind it. */
static int split(const char *address, char *host, size_t size, char port[8])
{
	const char *colon = strrchr(address, ':');
	unsigned long number;
	char *end;
	size_t n;

	if (colon == NULL || colon == address || colon[1] < '0' || colon[1] > '9')
		return -EINVAL;
	number = strtoul(colon + 1, &end, 10);
	if (*end != '\0' || number > UINT16_MAX)
		return -EINVAL;
	snprintf(port, 8, "%lu", number);
	n = (size_t)(colon - address);
	if (address[0] == '[' && colon[-1] == ']') {
		address++;
		n -= 2;
	} else if (memchr(address, ':', n) != NULL) {
		return -EINVAL;
	}
	if (n == 0 || n >= size)
		return -EINVAL;
	memcpy(host, address, n);
	host[n] = '\0';
	return 0;
}

bool rpc_target_is_whole(const char *target)
{
	char host[256], port[8];

	if (strncmp(target, "unix:", 5) == 0)
		return target[5] != '\0';
	return split(target, host, sizeof(host), port) == 0 && strcmp(port, "0") != 0;
}

/* Freed by the caller; NULL with `err` set. */
static struct addrinfo *look_up(const char *address, struct weir_err *err)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_PASSIVE,
					.ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	char host[256], port[8];

	if (split(address, host, sizeof(host), port) == 0 &&
	    getaddrinfo(host, port, &hints, &found) == 0)
		return found;
	weir_err_set(err, EINVAL,
		     "listen = %s: an address and a port, as 0.0.0.0:30035 or [::]:30035", address);
	return NULL;
}

int rpc_address_check(const char *address, struct weir_err *err)
{
	struct addrinfo *found = look_up(address, err);

	if (found == NULL)
		return -EINVAL;
	freeaddrinfo(found);
	return 0;
}

/* gRPC only logs why: so the same is tried once more, for the error it gives. */
int rpc_address_why(const char *address, struct weir_err *err)
{
	struct addrinfo *found = look_up(address, err);
	int fd, code = 0, on = 1;

	if (found == NULL)
		return -EINVAL;
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, found->ai_addr, found->ai_addrlen) < 0 || listen(fd, 1) < 0)
		code = errno;
	if (fd >= 0)
		close(fd);
	freeaddrinfo(found);
	if (code == EADDRINUSE)
		return weir_err_set(err, code, "listen = %s: taken; by whom: ss -ltnp 'sport = %s'",
				    address, strrchr(address, ':'));
	if (code == 0)
		return weir_err_set(err, EIO, "listen = %s: refused; the log has the reason",
				    address);
	return weir_err_set(err, code, "listen = %s: %s", address, strerror(code));
}
