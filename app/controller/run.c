/* SPDX-License-Identifier: Apache-2.0 */
/* weir-controller run: boot order, loop, shutdown. */
#include "controller.h"

#include <api.h>
#include <inventory.h>
#include <notify.h>
#include <serve.h>
#include <site.h>

#include <event2/event.h>

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define DESCRIPTORS_WANTED 11000 /* 10,000 agents, and a thousand for the rest */
#define LISTENS_MAX        16

enum { OPT_CONFIG, OPT_STATE, OPT_GRPC, OPT_HTTP };

static const struct option_row rows[] = {
	[OPT_CONFIG] = { "config", 'c', "FILE", "configuration (" CONTROLLER_PATH ", if there)" },
	[OPT_STATE] = { "state", 0, "DIR",
			"directory of the state, instead of the configuration's" },
	[OPT_GRPC] = { "grpc", 0, "ADDR:PORT", "where agents call, likewise, without TLS" },
	[OPT_HTTP] = { "http", 0, "ADDR:PORT", "where weirctl and others ask, likewise" },
};

static const struct option_table options = {
	.command = "weir-controller run",
	.synopsis = "",
	.purpose =
		"Serve agents and weirctl until SIGTERM or SIGINT. All it knows is in one directory.",
	.rows = rows,
	.n = WEIR_ARRAY_SIZE(rows),
};

struct controller {
	struct weir_controller_conf conf;
	const char *given[WEIR_ARRAY_SIZE(rows)]; /* of the command line, NULL = not */
	char own_ip[INET6_ADDRSTRLEN];
	struct event_base *base;
	struct site *site;
	struct inventory *inventory;
	struct serve *serve;
	struct api *api;
	struct event *events[8];
	unsigned int n_events;
};

/* --- the loop --- */

static void on_stop(evutil_socket_t signo, short what, void *arg)
{
	(void)what;
	weir_log(WEIR_LOG_INFO, "%s: the controller stops", strsignal((int)signo));
	event_base_loopbreak(((struct controller *)arg)->base);
}

static void on_hangup(evutil_socket_t signo, short what, void *arg)
{
	(void)signo;
	(void)what;
	(void)arg;
	weir_log(WEIR_LOG_WARN,
		 "SIGHUP: certificates are looked at by themselves; other settings take a restart");
}

static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	notify("WATCHDOG=1"); /* the loop turns: that is all there is */
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	const struct controller *c = arg;
	struct site_counts counts;

	(void)fd;
	(void)what;
	weir_log_flush(false);
	site_counts(c->site, &counts);
	notify("STATUS=%u agents, %u lost, %u waiting for approval; %u groups",
	       counts.agents[SITE_NORMAL], counts.agents[SITE_LOST], counts.agents[SITE_PENDING],
	       counts.groups);
}

static int event_take(struct controller *c, struct event *e, const struct timeval *tv,
		      struct weir_err *err)
{
	if (e == NULL || event_add(e, tv) != 0)
		return weir_err_set(err, ENOMEM, "the loop: no memory");
	c->events[c->n_events++] = e;
	return 0;
}

static int events_start(struct controller *c, struct weir_err *err)
{
	const uint64_t us = notify_watchdog_us() / 2;
	const struct timeval tick = { .tv_sec = 5 },
			     watchdog = { .tv_sec = (time_t)(us / 1000000),
					  .tv_usec = (suseconds_t)(us % 1000000) };

	if (event_take(c, evsignal_new(c->base, SIGTERM, on_stop, c), NULL, err) != 0 ||
	    event_take(c, evsignal_new(c->base, SIGINT, on_stop, c), NULL, err) != 0 ||
	    event_take(c, evsignal_new(c->base, SIGHUP, on_hangup, c), NULL, err) != 0 ||
	    event_take(c, event_new(c->base, -1, EV_PERSIST, on_tick, c), &tick, err) != 0)
		return -err->code;
	return us == 0 ? 0
		       : event_take(c, event_new(c->base, -1, EV_PERSIST, on_watchdog, c),
				    &watchdog, err);
}

/* --- boot --- */

/* The address this machine has on its way to others; nothing is sent. Loopback where there is no way. */
static void own_address(char ip[INET6_ADDRSTRLEN])
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(9),
				  .sin_addr.s_addr = htonl(0xc0000201) /* 192.0.2.1, RFC 5737 */ };
	struct sockaddr_in own = { .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(own);
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0)
		(void)getsockname(fd, (struct sockaddr *)&own, &len);
	if (fd >= 0)
		close(fd);
	inet_ntop(AF_INET, &own.sin_addr, ip, INET6_ADDRSTRLEN);
}

/* The port that agents are told beside the address. */
static uint32_t listen_port(const struct controller *c)
{
	const struct weir_conf_names *clear = &c->conf.grpc.listen, *tls = &c->conf.grpc.tls.listen;
	const char *text = c->given[OPT_GRPC];
	const char *colon;

	if (text == NULL)
		text = clear->n > 0 ? clear->v[0] : tls->n > 0 ? tls->v[0] : "";
	colon = strrchr(text, ':');
	return colon != NULL ? (uint32_t)strtoul(colon + 1, NULL, 10) : 0;
}

/* Each connected agent is one descriptor, and a thousand more are for the rest. */
static void descriptors_raise(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) != 0)
		return;
	l.rlim_cur = l.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &l) != 0)
		weir_log(WEIR_LOG_WARN, "descriptors: %m");
	else if (l.rlim_cur < DESCRIPTORS_WANTED)
		weir_log(
			WEIR_LOG_WARN,
			"%ju descriptors at most: about as many agents can be connected; LimitNOFILE= or ulimit -n raises it",
			(uintmax_t)l.rlim_cur);
}

static int site_start(struct controller *c, struct weir_err *err)
{
	const struct weir_controller_conf *conf = &c->conf;
	const struct config_site config = {
		.ingester_ip = conf->site.ingester_address,
		.ingester_port = conf->site.ingester_port,
		.controller_ip = conf->site.address,
		.controller_port = listen_port(c),
	};
	const struct site_options o = {
		.base = c->base,
		.dir = c->given[OPT_STATE] != NULL ? c->given[OPT_STATE] : conf->state.dir,
		.config = &config,
		.approve = conf->enrolment.approve,
		.lost_after_s = (uint32_t)(conf->agents.lost_after / WEIR_NS_PER_S),
		.deleted_after_s = (uint32_t)(conf->agents.deleted_after / WEIR_NS_PER_S),
		.agents_max = conf->agents.max,
	};

	c->site = site_open(&o, err);
	return c->site != NULL ? 0 : -err->code;
}

/* Where agents call: in cleartext as the command line or the configuration says, and with TLS. */
static unsigned int listens_fill(const struct controller *c, const struct weir_cert_files *files,
				 struct weir_rpc_listen to[LISTENS_MAX])
{
	const struct weir_controller_conf *conf = &c->conf;
	unsigned int n = 0;

	if (c->given[OPT_GRPC] != NULL)
		to[n++] = (struct weir_rpc_listen){ .address = c->given[OPT_GRPC] };
	for (uint32_t i = 0;
	     c->given[OPT_GRPC] == NULL && i < conf->grpc.listen.n && n < LISTENS_MAX; i++)
		to[n++] = (struct weir_rpc_listen){ .address = conf->grpc.listen.v[i] };
	for (uint32_t i = 0; i < conf->grpc.tls.listen.n && n < LISTENS_MAX; i++)
		to[n++] = (struct weir_rpc_listen){ .address = conf->grpc.tls.listen.v[i],
						    .files = files,
						    .mutual = conf->grpc.tls.mutual };
	return n;
}

static int serve_begin(struct controller *c, struct weir_err *err)
{
	const struct weir_controller_conf *conf = &c->conf;
	const struct weir_cert_files files = { .ca = conf->grpc.tls.ca,
					       .cert = conf->grpc.tls.cert,
					       .key = conf->grpc.tls.key };
	struct weir_rpc_listen listens[LISTENS_MAX];
	const struct serve_options o = {
		.base = c->base,
		.site = c->site,
		.inventory = c->inventory,
		.listens = listens,
		.n_listens = listens_fill(c, &files, listens),
		.calls_max = conf->grpc.calls_max,
		.peer_calls_max = conf->grpc.peer_calls_max,
		.ntp_server = conf->ntp.server,
	};

	c->serve = serve_start(&o, err);
	return c->serve != NULL ? 0 : -err->code;
}

static int api_begin(struct controller *c, struct weir_err *err)
{
	const struct weir_controller_conf *conf = &c->conf;
	const struct api_options o = {
		.base = c->base,
		.site = c->site,
		.inventory = c->inventory,
		.serve = c->serve,
		.listen = c->given[OPT_HTTP] != NULL ? c->given[OPT_HTTP] : conf->http.listen,
		.cert = conf->http.cert,
		.key = conf->http.key,
		.local_root = conf->http.local_root,
		.region = conf->site.region,
		.own_ip = c->own_ip,
	};

	c->api = api_start(&o, err);
	return c->api != NULL ? 0 : -err->code;
}

static int boot(struct controller *c, struct weir_err *err)
{
	int rc;

	descriptors_raise();
	own_address(c->own_ip);
	c->base = event_base_new();
	rc = c->base != NULL ? site_start(c, err)
			     : weir_err_set(err, ENOMEM, "the loop: no memory");
	if (rc == 0) {
		c->inventory = inventory_open(c->base, c->site, err);
		rc = c->inventory != NULL ? 0 : -err->code;
	}
	if (rc == 0)
		rc = events_start(c, err);
	if (rc == 0)
		rc = serve_begin(c, err);
	return rc == 0 ? api_begin(c, err) : rc;
}

/* From the near end to the far: what agents said last is written. */
static void shut(struct controller *c)
{
	api_stop(c->api);
	serve_stop(c->serve);
	inventory_close(c->inventory);
	site_close(c->site);
	for (unsigned int i = 0; i < c->n_events; i++)
		event_free(c->events[i]);
	if (c->base != NULL)
		event_base_free(c->base);
}

static int run(struct controller *c)
{
	struct weir_err err = { 0 };
	int rc = boot(c, &err);

	if (rc != 0) {
		weir_log(WEIR_LOG_ERR, "%s", err.msg);
	} else {
		weir_log(WEIR_LOG_INFO, "running: agents at port %u, weirctl at port %u",
			 serve_port(c->serve, 0), api_port(c->api));
		notify("READY=1");
		event_base_dispatch(c->base);
		notify("STOPPING=1");
	}
	shut(c);
	return rc == 0 ? WEIR_EXIT_OK : WEIR_EXIT_FAILED;
}

int controller_run(int argc, char **argv)
{
	struct controller c = { 0 };
	const char *arg;
	int row, operand, rc;

	while ((row = options_next(&options, argc, argv, &arg, &operand)) >= 0)
		c.given[row] = arg;
	if (row != OPTION_END)
		return row == OPTION_HELP ? WEIR_EXIT_OK : WEIR_EXIT_USAGE;
	if (operand < argc)
		return option_mistake(&options, "%s: nothing more is expected", argv[operand]);
	rc = controller_conf_load(&c.conf, c.given[OPT_CONFIG]);
	if (rc != WEIR_EXIT_OK)
		return rc;
	notify_init();
	rc = run(&c);
	weir_controller_conf_free(&c.conf);
	return rc;
}
