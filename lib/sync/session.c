/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session: a Sync each interval, and whenever an exception is new. The dialect is found by asking: the
 * agent's first; who does not know it, or answers FAILED without a configuration as servers do to
 * agents of another age, is asked in the other one at once.
 */
#include "session.h"

#include <event2/event.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define S           WEIR_NS_PER_S
#define CALL_MS     30000
#define INTERVAL    (60 * S)
#define ESCAPE      (3600 * S)
#define RETRY_FIRST (2 * S)
#define RETRY_MOST  (60 * S)

uint64_t weir_sync_or(uint64_t given, uint64_t usual)
{
	return given != 0 ? given : usual;
}

void weir_sync_at(struct event *e, uint64_t in_ns)
{
	const struct timeval tv = { .tv_sec = (time_t)(in_ns / S),
				    .tv_usec = (suseconds_t)(in_ns % S / 1000) };

	event_add(e, &tv);
}

void weir_sync_soon(struct weir_sync *s, uint64_t in_ns)
{
	weir_sync_at(s->sync_at, in_ns);
}

/* An error is said once, until it is another one or all was well between. */
void weir_sync_say(struct weir_sync *s, const char *fmt, ...)
{
	char text[sizeof(s->error)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (strcmp(text, s->error) == 0)
		return;
	memcpy(s->error, text, sizeof(text));
	weir_log(WEIR_LOG_WARN, "%s", text);
}

const char *weir_sync_path(const struct weir_sync *s, const char *method, char to[64])
{
	snprintf(to, 64, "/%s.Synchronizer/%s", weir_sync_dialect_name(s->dialect), method);
	return to;
}

/* ---- what is asked ---- */

const ProtobufCMessage *weir_sync_ask_make(struct weir_sync *s, union weir_sync_request *to)
{
	static char words[600]; /* borrowed by the message, until it is packed */
	const struct weir_sync_ask ask = {
		.boot_time_s = (uint32_t)((int64_t)s->boot_time_s + s->clock_offset_s),
		.config_accepted = !s->config_refused,
		.exceptions = s->taken_exceptions,
		.exception_text = weir_exceptions_text(s->taken_exceptions, words, sizeof(words)),
		/* after a start all is asked for, whatever was kept: a server may count anew */
		.version = { s->heard_ns != 0 ? s->kept.tables.part[0].version : 0,
			     s->heard_ns != 0 ? s->kept.tables.part[1].version : 0,
			     s->heard_ns != 0 ? s->kept.tables.part[2].version : 0 },
		.revision = s->o.revision,
		.process_name = s->o.process_name,
		.ctrl_ip = s->id.ip,
		.ctrl_mac = s->id.mac,
		.host = s->host.name,
		.group = s->boot.agent_group_id,
		.team = s->boot.team_id,
		.cluster_id = s->cluster_id,
		.cluster_name = s->boot.kubernetes_cluster_name,
		.cluster_md5 = s->cluster_md5,
		.host_ips = s->host_ips,
		.host_ips_n = s->host_ips_n,
		.identifier = s->boot.identifier,
		.watch_only = s->env.watch_only,
		.watch_disabled = s->env.watch_disabled,
		.arch = s->host.arch,
		.os = s->host.os,
		.kernel = s->host.kernel,
		.cpus = s->host.cpus,
		.memory_bytes = s->host.memory_bytes,
		.buffer_bytes = s->buffer_bytes,
	};

	return weir_sync_request_make(s->dialect, &ask, to);
}

/* ---- a Sync ---- */

void weir_sync_event(struct weir_sync *s, enum weir_sync_event what)
{
	s->state = weir_sync_state_next(s->state, what);
}

void weir_sync_untold(struct weir_sync *s)
{
	weir_exceptions_give_back(s->o.exceptions, s->taken_exceptions);
	s->taken_exceptions = 0;
}

static void failed(struct weir_sync *s, enum weir_sync_event what, const char *why)
{
	weir_sync_event(s, what);
	s->failures++;
	s->n.failures++;
	(void)weir_exceptions_set(s->o.exceptions, WEIR_EXCEPTION_CONTROLLER_SOCKET_ERROR);
	weir_sync_untold(s);
	weir_sync_say(s, "controller %s: %s", s->server, why);
	weir_sync_soon(s, weir_sync_backoff(weir_sync_or(s->o.retry_first_ns, RETRY_FIRST),
					    weir_sync_or(s->o.retry_most_ns, RETRY_MOST),
					    s->failures, weir_random_u64()));
}

bool weir_sync_unspoken(struct weir_sync *s)
{
	weir_sync_event(s, WEIR_SYNC_ON_UNSPOKEN);
	if (s->state != WEIR_SYNC_PROBING)
		return false;
	s->dialect = s->dialect == WEIR_SYNC_AGENT ? WEIR_SYNC_TRIDENT : WEIR_SYNC_AGENT;
	for (int i = 0; i < WEIR_SYNC_VERSIONS; i++) /* what is held is of no use to compare with */
		s->kept.tables.part[i].version = 0;
	weir_sync_push_close(s);
	weir_sync_untold(s);
	weir_sync_soon(s, 0);
	return true;
}

static void succeeded(struct weir_sync *s)
{
	if (s->state != WEIR_SYNC_IN_CONTACT) {
		weir_log_about(WEIR_LOG_INFO, "controller", s->server,
			       "in contact (%s.Synchronizer)", weir_sync_dialect_name(s->dialect));
		s->genesis_theirs = 0;
		weir_sync_at(s->genesis_at, 0); /* by its interfaces a new agent is registered */
	}
	weir_sync_event(s, WEIR_SYNC_ON_ANSWERED);
	s->failures = 0;
	s->error[0] = '\0';
	s->heard_ns = weir_clock_mono_ns();
	s->taken_exceptions = 0;
	weir_sync_soon(s, s->again ? 0 : weir_sync_or(s->o.interval_ns, s->interval_ns));
	s->again = false;
	if (s->push == NULL && !event_pending(s->push_at, EV_TIMEOUT, NULL))
		weir_sync_push_open(s);
	if (s->ntp_on)
		weir_sync_ntp_ask(s);
}

static void on_sync(struct weir_rpc_call *call, const ProtobufCMessage *m, void *user)
{
	struct weir_sync *s = user;

	if (s->sync != call) /* its channel was closed: another is asked already */
		return;
	s->sync_answered = true;
	weir_sync_apply(s, m, false, &s->sync_status, &s->sync_config);
}

static void answered(struct weir_sync *s)
{
	if (s->sync_status == WEIR_SYNC_FAILED && !s->sync_config) {
		if (!weir_sync_unspoken(s))
			failed(s, WEIR_SYNC_ON_FAILED,
			       "it answers FAILED, without a configuration");
		return;
	}
	if (s->sync_status == WEIR_SYNC_FAILED)
		weir_log_about(WEIR_LOG_WARN, "controller", s->server,
			       "it answers FAILED; its configuration is taken");
	succeeded(s);
}

/* gRPC says that the certificate is none we trust, not why. */
static void tls_advice(const struct weir_sync *s, char *to, size_t size)
{
	snprintf(
		to, size,
		"its certificate has to be in force, of this address, and signed by one of %.80s.ADDRESS: ",
		s->boot.controller_cert_file_prefix);
}

static void on_sync_end(struct weir_rpc_call *call, int status, const char *why, void *user)
{
	struct weir_sync *s = user;
	char text[400], tls[200] = "";

	if (s->sync != call)
		return;
	s->sync = NULL;
	if (s->sync_answered) {
		answered(s);
		return;
	}
	if (status == WEIR_RPC_UNIMPLEMENTED && weir_sync_unspoken(s))
		return;
	if (strcasestr(why, "ssl handshake") != NULL)
		tls_advice(s, tls, sizeof(tls));
	snprintf(text, sizeof(text), "Sync: %s: %s%s", weir_rpc_status_name(status), tls, why);
	failed(s, WEIR_SYNC_ON_FAILED, text);
}

static void sync_now(struct weir_sync *s)
{
	union weir_sync_request message;
	char path[64];
	struct weir_rpc_request rq = {
		.path = weir_sync_path(s, "Sync", path),
		.answer = s->dialect == WEIR_SYNC_AGENT ? &agent__sync_response__descriptor
							: &trident__sync_response__descriptor,
		.budget_bytes = weir_min_u64(BUDGET_TIMES * s->buffer_bytes, BUDGET_MOST),
		.timeout_ms = s->o.call_ms != 0 ? s->o.call_ms : CALL_MS,
		.message_in = on_sync,
		.end = on_sync_end,
	};

	s->n.syncs++;
	s->sync_answered = s->sync_config = false;
	s->taken_exceptions = weir_exceptions_take(s->o.exceptions);
	s->reported_exceptions = s->taken_exceptions & weir_exceptions_get(s->o.exceptions);
	rq.message = weir_sync_ask_make(s, &message);
	s->sync = weir_rpc_call_start(s->channel, &rq, s);
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
	struct weir_sync *s = arg;

	(void)fd;
	(void)what;
	if (s->sync != NULL)
		return;
	/* Who spoke another dialect is asked again, not left. */
	if (s->state != WEIR_SYNC_PROBING && !weir_sync_server_choose(s)) {
		const bool known = s->address[s->choice.at][0] != '\0';

		failed(s, known ? WEIR_SYNC_ON_FAILED : WEIR_SYNC_ON_UNKNOWN,
		       known ? "no channel" : "its address is not known yet");
		return;
	}
	if (!weir_sync_identify(s) && !s->identified) {
		weir_sync_soon(s, S);
		return;
	}
	if (s->env.in_kubernetes && s->cluster_id[0] == '\0') {
		weir_sync_cluster_ask(s);
		return;
	}
	sync_now(s);
}

/* ---- each second ---- */

static void escape_look(struct weir_sync *s)
{
	if (!weir_sync_escape_check(&s->escape, weir_clock_mono_ns()))
		return;
	weir_log_about(WEIR_LOG_ERR, "controller", s->server,
		       "away for %u s: nothing is captured until it is back",
		       (unsigned int)(s->escape.limit_ns / S));
	weir_sync_capture_look(s);
}

static void on_second(evutil_socket_t fd, short what, void *arg)
{
	struct weir_sync *s = arg;

	(void)fd;
	(void)what;
	s->seconds++;
	weir_sync_resolve_again(s);
	escape_look(s);
	weir_sync_kept_store(s, false);
	if (s->sync == NULL && s->state == WEIR_SYNC_IN_CONTACT &&
	    weir_exceptions_get(s->o.exceptions) != s->reported_exceptions) {
		s->reported_exceptions = weir_exceptions_get(s->o.exceptions);
		weir_sync_soon(s, 0);
	}
}

static void on_push_time(evutil_socket_t fd, short what, void *arg)
{
	struct weir_sync *s = arg;

	(void)fd;
	(void)what;
	if (s->push == NULL && s->state == WEIR_SYNC_IN_CONTACT && s->channel != NULL)
		weir_sync_push_open(s);
}

static void on_genesis_time(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	weir_sync_genesis_send(arg);
}

/* ---- start and stop ---- */

static bool events_make(struct weir_sync *s)
{
	const struct timeval second = { .tv_sec = 1 };

	s->sync_at = event_new(s->o.base, -1, 0, on_time, s);
	s->push_at = event_new(s->o.base, -1, 0, on_push_time, s);
	s->genesis_at = event_new(s->o.base, -1, 0, on_genesis_time, s);
	s->second = event_new(s->o.base, -1, EV_PERSIST, on_second, s);
	return s->sync_at != NULL && s->push_at != NULL && s->genesis_at != NULL &&
	       s->second != NULL && event_add(s->second, &second) == 0;
}

struct weir_sync *weir_sync_start(const struct weir_sync_options *o, struct weir_err *err)
{
	struct weir_sync *s = calloc(1, sizeof(*s));

	if (s == NULL)
		goto err_memory;
	s->o = *o;
	s->boot = *o->boot;
	s->env = *o->env;
	s->choice.controllers = s->boot.controller_ips.n;
	s->buffer_bytes = BUFFER_MIN;
	s->buffer_mib = BUFFER_MIN >> 20;
	s->interval_ns = INTERVAL;
	s->escape_ns = ESCAPE;
	s->enabled = true;
	s->boot_time_s = (uint32_t)(weir_clock_wall_ns() / S);
	s->genesis_version = s->boot_time_s;
	memcpy(s->cluster_id, s->boot.kubernetes_cluster_id, sizeof(s->cluster_id));
	s->rpc = weir_rpc_create(o->base, err);
	if (s->rpc == NULL)
		goto err_stop;
	if (!events_make(s))
		goto err_memory;
	if (o->kept_path != NULL) {
		s->keeper = weir_sync_keeper_open(o->kept_path, o->aside, o->user);
		if (s->keeper == NULL)
			goto err_memory;
	}
	weir_sync_kept_load(s);
	weir_sync_escape_arm(&s->escape, weir_clock_mono_ns(),
			     weir_sync_or(s->o.escape_ns, s->escape_ns));
	weir_sync_resolve_start(s);
	weir_sync_soon(s, 0);
	return s;

err_memory:
	weir_err_set(err, ENOMEM, "session with the controller: no memory");
err_stop:
	weir_sync_stop(s);
	return NULL;
}

void weir_sync_stop(struct weir_sync *s)
{
	struct event *all[4];

	if (s == NULL)
		return;
	weir_sync_resolve_stop(s);
	weir_sync_untold(s); /* who asks for them next is told */
	weir_sync_kept_store(s, true);
	weir_sync_keeper_close(s->keeper);
	all[0] = s->second;
	all[1] = s->sync_at;
	all[2] = s->push_at;
	all[3] = s->genesis_at;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(all); i++)
		if (all[i] != NULL)
			event_del(all[i]);
	s->sync = s->push = s->ntp = s->genesis = s->cluster = NULL; /* their ends count no more */
	weir_rpc_destroy(s->rpc);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(all); i++)
		if (all[i] != NULL)
			event_free(all[i]);
	for (size_t i = 0; i < s->host_ips_n; i++)
		free(s->host_ips[i]);
	free(s->host_ips);
	free(s->refused);
	weir_sync_links_free(&s->links);
	weir_sync_kept_free(&s->kept);
	free(s);
}

void weir_sync_view(const struct weir_sync *s, struct weir_sync_view *v)
{
	memset(v, 0, sizeof(*v));
	v->state = s->escape.over ? "escaped" : weir_sync_state_name(s->state);
	v->dialect = s->heard_ns != 0 ? weir_sync_dialect_name(s->dialect) : "";
	memcpy(v->server, s->server, sizeof(v->server));
	v->by_proxy = s->choice.on == WEIR_SYNC_ON_PROXY;
	v->kept = s->from_disk;
	snprintf(v->identity, sizeof(v->identity), "%s %s", s->id.ip, s->id.mac);
	memcpy(v->error, s->error, sizeof(v->error));
	v->heard_ns = s->heard_ns;
	v->syncs = s->n.syncs;
	v->failures = s->n.failures;
	v->pushes = s->n.pushes;
	v->accepted = s->n.accepted;
	v->refused = s->n.refused;
	for (int i = 0; i < WEIR_SYNC_VERSIONS; i++)
		v->version[i] = s->kept.tables.part[i].version;
}
