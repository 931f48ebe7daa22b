/* SPDX-License-Identifier: Apache-2.0 */
/* Rules between settings of the controller's own configuration: a function each, in a table at the end. */
#include "conf_priv.h"

#include <arpa/inet.h>

#define mistake(r, field, ...) weir_conf_mistake_at(&(r)->to, field, CONF_WHOLE, __VA_ARGS__)

struct report {
	const struct weir_controller_conf *conf;
	struct conf_report to;
};

static void the_state_is_an_absolute_path(const struct report *r)
{
	const char *const *dir = &r->conf->state.dir;

	if ((*dir)[0] != '/')
		mistake(r, dir, "state.dir: \"%.80s\" is not an absolute path", *dir);
}

static void listens_on(const struct report *r, const char *path,
		       const struct weir_conf_names *listen)
{
	for (uint32_t i = 0; i < listen->n; i++)
		if (!weir_conf_is_listen(listen->v[i], 0))
			weir_conf_mistake_at(
				&r->to, listen, i,
				"%s: %.80s is not ADDRESS:PORT; write 0.0.0.0:30035 or "
				"[::]:30035",
				path, listen->v[i]);
}

static void agents_have_somewhere_to_connect(const struct report *r)
{
	listens_on(r, "grpc.listen", &r->conf->grpc.listen);
	listens_on(r, "grpc.tls.listen", &r->conf->grpc.tls.listen);
	if (r->conf->grpc.listen.n + r->conf->grpc.tls.listen.n == 0)
		mistake(r, &r->conf->grpc.listen,
			"grpc.listen: is empty, and so is grpc.tls.listen: no agent could "
			"connect");
}

static void tls_has_its_three_files(const struct report *r)
{
	const struct {
		const char *path;
		const char *const *file;
	} files[] = {
		{ "grpc.tls.ca", &r->conf->grpc.tls.ca },
		{ "grpc.tls.cert", &r->conf->grpc.tls.cert },
		{ "grpc.tls.key", &r->conf->grpc.tls.key },
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(files); i++)
		if (r->conf->grpc.tls.listen.n > 0 && (*files[i].file)[0] == '\0')
			mistake(r, &r->conf->grpc.tls.listen,
				"%s: is empty; grpc.tls.listen needs ca, cert and key",
				files[i].path);
}

static void http_listens_on_an_address(const struct report *r)
{
	const char *const *listen = &r->conf->http.listen;

	if (!weir_conf_is_listen(*listen, 0))
		mistake(r, listen,
			"http.listen: \"%.80s\" is not ADDRESS:PORT; write 127.0.0.1:30417 or "
			"[::1]:30417",
			*listen);
}

static void https_has_its_two_files(const struct report *r)
{
	if (r->conf->http.cert[0] == '\0' && r->conf->http.key[0] != '\0')
		mistake(r, &r->conf->http.key, "http.cert: is empty; http.key goes with it");
	if (r->conf->http.cert[0] != '\0' && r->conf->http.key[0] == '\0')
		mistake(r, &r->conf->http.cert, "http.key: is empty; http.cert goes with it");
}

/* Older agents take nothing else. */
static void the_sites_address_is_one(const struct report *r)
{
	const char *const *address = &r->conf->site.address;
	struct in6_addr any;

	if ((*address)[0] != '\0' && inet_pton(AF_INET, *address, &any) != 1 &&
	    inet_pton(AF_INET6, *address, &any) != 1)
		mistake(r, address,
			"site.address: %.80s is not an IP address; older agents take no host name",
			*address);
}

static void (*const rules[])(const struct report *r) = {
	the_state_is_an_absolute_path, agents_have_somewhere_to_connect, tls_has_its_three_files,
	http_listens_on_an_address,    https_has_its_two_files,          the_sites_address_is_one,
};

void weir_conf_controller_rules(const void *conf, const char *name, struct weir_err_list *errs)
{
	const struct report r = { conf, { &weir_conf_controller_kind, conf, name, errs } };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rules); i++)
		rules[i](&r);
}
