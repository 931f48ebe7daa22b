/* SPDX-License-Identifier: Apache-2.0 */
#include "own.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

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

void own_traffic(char *p, size_t size, const struct weir_box_conf *box)
{
	struct text t = { .p = p, .size = size };
	char host[256];
	unsigned int port;

	p[0] = '\0';
	if (split(box->http.listen, host, sizeof(host), &port) && !is_loopback(host)) {
		add(&t, "(tcp port %u", port);
		if (is_any(host))
			add_own_hosts(&t);
		else
			add(&t, " and host %s", host);
		add(&t, ")");
	}
	if (box->controller.address[0] != '\0' && !is_loopback(box->controller.address))
		add(&t, "%s(tcp port %u and host %s)", t.used > 0 ? " or " : "",
		    box->controller.port, box->controller.address);
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
