/* SPDX-License-Identifier: Apache-2.0 */
/* The server in use: names looked up, one chosen, a channel to it; and who we are towards it. */
#include "session.h"

#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#define RESOLVE_EVERY_S 5
#define KEEPALIVE_MS    310000 /* others' servers throw out who pings more often than every 5 min */

static bool is_address(const char *text)
{
	uint8_t ip[16];

	return inet_pton(AF_INET, text, ip) == 1 || inet_pton(AF_INET6, text, ip) == 1;
}

/* ---- names ---- */

static bool in_answer(const struct evutil_addrinfo *all, const char *address, char first[])
{
	char text[WEIR_SYNC_ADDRESS_MAX];

	first[0] = '\0';
	for (; all != NULL; all = all->ai_next) {
		const void *ip = all->ai_family == AF_INET
					 ? (const void *)&((const struct sockaddr_in *)all->ai_addr)
						   ->sin_addr
					 : (const void *)&(
						   (const struct sockaddr_in6 *)all->ai_addr)
						   ->sin6_addr;

		if (all->ai_family != AF_INET && all->ai_family != AF_INET6)
			continue;
		inet_ntop(all->ai_family, ip, text, sizeof(text));
		if (first[0] == '\0')
			memcpy(first, text, sizeof(text));
		if (strcmp(text, address) == 0)
			return true;
	}
	return false;
}

static void names_free(struct names *n)
{
	if (n == NULL)
		return;
	if (n->dns != NULL)
		evdns_base_free(n->dns, 0);
	free(n);
}

static void on_last(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	names_free(arg);
}

/* Its session is gone. The name servers are still in use below us: the loop frees them. */
static void orphan_ended(struct names *n)
{
	static const struct timeval now = { 0 };

	if (n->asked == 0)
		(void)event_base_once(n->base, -1, EV_TIMEOUT, on_last, n, &now);
}

static void address_set(struct weir_sync *s, uint32_t at, const char *address)
{
	char *held = s->address[at];
	const bool known = held[0] != '\0';

	memcpy(held, address, sizeof(s->address[0]));
	if (known)
		weir_log_about(WEIR_LOG_INFO, "controller", s->boot.controller_ips.v[at],
			       "its address is now %s", held);
	if (known && at == s->choice.at) {
		s->proxy_named = false; /* until the new one names it */
		s->identified = false;
		weir_sync_server_reset(s);
	}
	if (!known && at == s->choice.at && s->state == WEIR_SYNC_RESOLVING)
		weir_sync_event(s, WEIR_SYNC_ON_MOVED); /* it is still its turn */
	weir_sync_soon(s, 0);
}

static void resolved(struct weir_sync *s, uint32_t at, int rc, const struct evutil_addrinfo *all)
{
	char first[WEIR_SYNC_ADDRESS_MAX];

	if (rc != 0) { /* what was known may still be right */
		s->dns_stale = true;
		if (s->address[at][0] == '\0' && rc != EVUTIL_EAI_CANCEL)
			weir_sync_say(s, "controller %s: %s", s->boot.controller_ips.v[at],
				      evutil_gai_strerror(rc));
		return;
	}
	if (!in_answer(all, s->address[at], first) && first[0] != '\0')
		address_set(s, at, first);
}

static void on_resolved(int rc, struct evutil_addrinfo *all, void *arg)
{
	struct resolve *q = arg;
	struct weir_sync *s = q->session;

	q->names->asked--;
	if (s != NULL) {
		s->resolves[q->at] = NULL;
		resolved(s, q->at, rc, all);
	} else {
		orphan_ended(q->names);
	}
	free(q);
	if (all != NULL)
		evutil_freeaddrinfo(all);
}

static void resolve(struct weir_sync *s, uint32_t i)
{
	struct evutil_addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	const char *name = s->boot.controller_ips.v[i];
	struct evdns_getaddrinfo_request *asked;
	struct resolve *q;

	if (is_address(name)) {
		weir_sync_copy(s->address[i], sizeof(s->address[i]), name);
		return;
	}
	if (s->resolves[i] != NULL || s->names == NULL)
		return;
	q = calloc(1, sizeof(*q));
	if (q == NULL)
		return;
	*q = (struct resolve){ .session = s, .names = s->names, .at = i };
	s->resolves[i] = q;
	s->names->asked++;
	asked = evdns_getaddrinfo(s->names->dns, name, NULL, &hints, on_resolved, q);
	if (asked != NULL) /* else on_resolved() was called already */
		q->asked = asked;
}

/* Name servers are read once by each; without any there is still /etc/hosts. */
static struct names *names_make(struct event_base *base)
{
	struct names *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return NULL;
	n->base = base;
	n->dns = evdns_base_new(base, EVDNS_BASE_INITIALIZE_NAMESERVERS |
					      EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	if (n->dns == NULL) {
		n->dns = evdns_base_new(base, 0);
		if (n->dns != NULL)
			(void)evdns_base_load_hosts(n->dns, "/etc/hosts");
	}
	if (n->dns != NULL)
		return n;
	free(n);
	return NULL;
}

static void names_look(struct weir_sync *s)
{
	if (s->dns_stale && s->names != NULL && s->names->asked == 0) {
		names_free(s->names);
		s->names = NULL;
	}
	if (s->names != NULL)
		return;
	s->dns_stale = false;
	s->names = names_make(s->o.base);
}

void weir_sync_resolve_start(struct weir_sync *s)
{
	for (uint32_t i = 0; i < s->boot.controller_ips.n; i++) {
		if (!is_address(s->boot.controller_ips.v[i]))
			names_look(s);
		resolve(s, i);
	}
}

void weir_sync_resolve_again(struct weir_sync *s)
{
	if (s->seconds % RESOLVE_EVERY_S == 0)
		weir_sync_resolve_start(s);
}

/* Those who are cancelled are told so by the loop, later: by then we are gone. */
void weir_sync_resolve_stop(struct weir_sync *s)
{
	if (s->names != NULL && s->names->asked == 0)
		names_free(s->names);
	s->names = NULL;
	for (uint32_t i = 0; i < s->boot.controller_ips.n; i++) {
		struct resolve *q = s->resolves[i];

		s->resolves[i] = NULL;
		if (q == NULL)
			continue;
		q->session = NULL;
		evdns_getaddrinfo_cancel(q->asked);
	}
}

/* ---- the channel ---- */

static void target(const char *address, uint32_t port, char *to, size_t size)
{
	snprintf(to, size, strchr(address, ':') != NULL ? "[%s]:%u" : "%s:%u", address, port);
}

void weir_sync_server_reset(struct weir_sync *s)
{
	weir_sync_push_close(s);
	s->sync = s->ntp = s->genesis = s->cluster = NULL; /* their ends count no more */
	weir_sync_untold(s);
	weir_rpc_channel_close(s->channel);
	s->channel = NULL;
	weir_sync_event(s, WEIR_SYNC_ON_MOVED); /* without a channel a server is to be chosen */
}

static bool channel_open(struct weir_sync *s, const char *address)
{
	char cert[1024 + WEIR_SYNC_NAME_MAX + 2];
	struct weir_cert_files files = { .ca = cert };
	struct weir_rpc_peer peer = {
		.target = s->server,
		.receive_max_bytes = s->buffer_bytes,
		.keepalive_ms = KEEPALIVE_MS,
	};
	struct weir_err err = { 0 };

	if (s->boot.controller_cert_file_prefix[0] != '\0') {
		snprintf(cert, sizeof(cert), "%s.%s", s->boot.controller_cert_file_prefix, address);
		peer.files = &files;
	}
	weir_sync_server_reset(s);
	s->channel = weir_rpc_channel_open(s->rpc, &peer, &err);
	if (s->channel == NULL)
		weir_sync_say(s, "controller %s: %s", s->server, err.msg);
	return s->channel != NULL;
}

static uint32_t controller_port(const struct weir_sync *s)
{
	return s->boot.controller_cert_file_prefix[0] != '\0' ? s->boot.controller_tls_port
							      : s->boot.controller_port;
}

/* A group's agents, with and without certificates, have one proxy port: the one that those without call. */
static uint32_t proxy_port(const struct weir_sync *s)
{
	return s->proxy_port == s->boot.controller_port ? controller_port(s) : s->proxy_port;
}

bool weir_sync_server_choose(struct weir_sync *s)
{
	char before[sizeof(s->server)], address[WEIR_SYNC_NAME_MAX + 1];
	uint32_t at;

	memcpy(before, s->server, sizeof(before));
	(void)weir_sync_choose(&s->choice, weir_sync_state_is_good(s->state), s->proxy_named);
	at = s->choice.at;
	if (s->choice.on == WEIR_SYNC_ON_PROXY) {
		snprintf(address, sizeof(address), "%s",
			 s->proxy[0] != '\0' ? s->proxy : s->address[0]);
		target(address, proxy_port(s), s->server, sizeof(s->server));
	} else {
		snprintf(address, sizeof(address), "%s", s->address[at]);
		target(address, controller_port(s), s->server, sizeof(s->server));
	}
	if (address[0] == '\0') {
		snprintf(s->server, sizeof(s->server), "%s", s->boot.controller_ips.v[at]);
		return false;
	}
	if (s->channel != NULL && strcmp(before, s->server) == 0)
		return true;
	return channel_open(s, address);
}

uint32_t weir_sync_servers(const struct weir_sync *s,
			   struct weir_sync_server to[WEIR_SYNC_SERVERS_MAX])
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->boot.controller_ips.n; i++) {
		if (s->address[i][0] == '\0')
			continue;
		weir_sync_copy(to[n].host, sizeof(to[n].host), s->address[i]);
		to[n++].port = controller_port(s);
	}
	if (s->proxy_port == 0)
		return n;
	weir_sync_copy(to[n].host, sizeof(to[n].host),
		       s->proxy[0] != '\0' ? s->proxy : s->address[0]);
	to[n].port = proxy_port(s);
	return n + (to[n].host[0] != '\0');
}

/* ---- who we are ---- */

static void host_ips_read(struct weir_sync *s)
{
	const struct weir_sync_link *none = weir_sync_link_named(&s->links, "kube-ipvs0");
	char **v = calloc(s->links.addresses + 1, sizeof(*v));
	size_t n = 0;

	for (uint32_t i = 0; v != NULL && i < s->links.addresses; i++) {
		const struct weir_sync_address *a = &s->links.address[i];
		char text[WEIR_SYNC_ADDRESS_MAX];

		if (!weir_sync_is_global(a->family, a->ip) ||
		    (none != NULL && a->index == none->index))
			continue;
		weir_sync_address_text(a, text);
		v[n] = strdup(text);
		n += v[n] != NULL;
	}
	for (size_t i = 0; i < s->host_ips_n; i++)
		free(s->host_ips[i]);
	free(s->host_ips);
	s->host_ips = v;
	s->host_ips_n = n;
}

bool weir_sync_identify(struct weir_sync *s)
{
	struct weir_sync_identity id = { 0 };
	struct weir_sync_links links = { 0 };
	struct weir_err err = { 0 };
	int rc;

	weir_sync_host_read(&s->host);
	if (s->boot.host_name[0] != '\0')
		snprintf(s->host.name, sizeof(s->host.name), "%s", s->boot.host_name);
	rc = weir_sync_links_read(&links, &err);
	if (rc == 0) {
		weir_sync_links_free(&s->links);
		s->links = links;
		host_ips_read(s);
	} else {
		weir_sync_links_free(&links);
	}
	if (rc == 0 &&
	    s->identified) /* an agent of another address is another one: only when the server moves */
		return true;
	if (rc == 0)
		rc = weir_sync_identity_find(&id, &s->env, &s->links,
					     s->address[0][0] != '\0' ? s->address[0]
								      : s->address[s->choice.at],
					     &err);
	if (rc != 0) {
		weir_sync_say(s, "%s", err.msg);
		return false;
	}
	s->id = id;
	s->identified = true;
	weir_log_about(WEIR_LOG_INFO, "controller", s->server, "this agent is %s %s", id.ip,
		       id.mac);
	return true;
}
