/* SPDX-License-Identifier: Apache-2.0 */
#include "own.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define ADDRESSES_MAX 12 /* of this host, that fit into a filter beside what the tap asks for */

struct text {
	char *p;
	size_t used, size;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->p + t->used, t->size - t->used, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->used = (size_t)weir_min_u64(t->used + (uint64_t)n, t->size - 1);
}

/* "127.0.0.1:9740", "[::]:9740", ":9740" (loopback); the address without brackets, the port. */
static bool split(const char *listen, char *host, size_t size, unsigned int *port)
{
	const char *colon = strrchr(listen, ':');
	size_t len;

	if (colon == NULL)
		return false;
	*port = (unsigned int)strtoul(colon + 1, NULL, 10);
	len = (size_t)(colon - listen);
	if (len >= 2 && listen[0] == '[') {
		listen++;
		len -= 2;
	}
	if (len >= size)
		return false;
	memcpy(host, listen, len);
	host[len] = '\0';
	return *port != 0;
}

static bool is_loopback(const char *host)
{
	return host[0] == '\0' || strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0 ||
	       strcmp(host, "localhost") == 0;
}

static bool is_any(const char *host)
{
	return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

/* Of all that is asked for on this port, only what is asked of this host. */
static void add_own_hosts(struct text *t)
{
	struct ifaddrs *all = NULL;
	unsigned int n = 0;

	if (getifaddrs(&all) != 0)
		return;
	for (const struct ifaddrs *a = all; a != NULL && n < ADDRESSES_MAX; a = a->ifa_next) {
		char host[NI_MAXHOST];
		const int family = a->ifa_addr != NULL ? a->ifa_addr->sa_family : AF_UNSPEC;
		const socklen_t len = family == AF_INET ? sizeof(struct sockaddr_in)
							: sizeof(struct sockaddr_in6);

		if ((family != AF_INET && family != AF_INET6) ||
		    getnameinfo(a->ifa_addr, len, host, sizeof(host), NULL, 0, NI_NUMERICHOST) != 0)
			continue;
		host[strcspn(host, "%")] = '\0';
		if (!is_loopback(host))
			add(t, "%shost %s", n++ > 0 ? " or " : " and (", host);
	}
	if (n > 0)
		add(t, ")");
	freeifaddrs(all);
}

static void http_add(struct text *t, const struct weir_box_conf *box, bool lo)
{
	char host[256];
	unsigned int port;

	if (!split(box->http.listen, host, sizeof(host), &port) || (!lo && is_loopback(host)))
		return;
	add(t, "(tcp port %u", port);
	if (lo) /* who calls is here, too */
		;
	else if (is_any(host))
		add_own_hosts(t);
	else
		add(t, " and host %s", host);
	add(t, ")");
}

/* The address this host calls `host` from. False: it is none, or there is no way to it. */
static bool local_of(const char *host, char *local, size_t size)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_DGRAM };
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	struct addrinfo *to;
	bool found = false;
	int fd;

	if (getaddrinfo(host, "9", &hints, &to) != 0)
		return false;
	fd = socket(to->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, to->ai_addr, to->ai_addrlen) == 0 && /* no packet is sent */
	    getsockname(fd, (struct sockaddr *)&from, &len) == 0)
		found = getnameinfo((struct sockaddr *)&from, len, local, (socklen_t)size, NULL, 0,
				    NI_NUMERICHOST) == 0;
	if (fd >= 0)
		close(fd);
	freeaddrinfo(to);
	local[found ? strcspn(local, "%") : 0] = '\0';
	return found;
}

/* Others' sessions with the same server are no traffic of ours. */
static void server_add(struct text *t, const struct weir_sync_server *server, bool lo)
{
	char local[NI_MAXHOST];

	if (!lo && is_loopback(server->host))
		return;
	if (local_of(server->host, local, sizeof(local)))
		add(t, "%s(tcp port %u and host %s and host %s)", t->used > 0 ? " or " : "",
		    server->port, server->host, local);
}

/* Where there are too many for an expression: whoever talks on these ports. */
static void ports_only(struct text *t, const struct weir_sync_server *servers, uint32_t n)
{
	t->used = 0;
	t->p[0] = '\0';
	for (uint32_t i = 0; i < n; i++) {
		bool again = false;

		for (uint32_t k = 0; k < i; k++)
			again |= servers[k].port == servers[i].port;
		if (!again)
			add(t, "%stcp port %u", t->used > 0 ? " or " : "", servers[i].port);
	}
}

static void make(char *p, const struct weir_box_conf *box, const struct weir_sync_server *servers,
		 uint32_t n, bool lo)
{
	struct text t = { .p = p, .size = OWN_TEXT_MAX };

	p[0] = '\0';
	http_add(&t, box, lo);
	for (uint32_t i = 0; i < n; i++)
		server_add(&t, &servers[i], lo);
	if (t.used == t.size - 1)
		ports_only(&t, servers, n);
}

void own_traffic(struct own_traffic *own, const struct weir_box_conf *box, const struct sync *s)
{
	struct weir_sync_server servers[WEIR_SYNC_SERVERS_MAX];
	const uint32_t n = sync_servers(s, servers);

	make(own->wire, box, servers, n, false);
	make(own->lo, box, servers, n, true);
}

char *filter_both(const char *a, const char *b)
{
	char *text = NULL;

	if (a[0] == '\0' || b[0] == '\0')
		return strdup(a[0] == '\0' ? b : a);
	return asprintf(&text, "(%s) and (%s)", a, b) < 0 ? NULL : text;
}

char *own_traffic_excluded(const char *filter, const char *own)
{
	char *text = NULL;
	int rc;

	if (own[0] == '\0')
		return strdup(filter);
	if (filter[0] == '\0')
		rc = asprintf(&text, "not (%s)", own);
	else
		rc = asprintf(&text, "(%s) and not (%s)", filter, own);
	return rc < 0 ? NULL : text;
}
