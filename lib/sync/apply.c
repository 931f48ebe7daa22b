/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an answer changes, whether it was asked for or pushed. A configuration that is refused leaves the
 * last good one in force, and on disk.
 */
#include "session.h"

#include <event2/event.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define KEEP_EVERY (5 * WEIR_NS_PER_S) /* a configuration that flaps does not wear out the disk */

void weir_sync_capture_look(struct weir_sync *s)
{
	const bool enabled = !s->kept.has_dynamic || s->kept.dynamic.enabled;

	if (enabled == s->enabled && s->escape.over == s->escaped)
		return;
	s->enabled = enabled;
	s->escaped = s->escape.over;
	if (s->o.to->capture != NULL)
		s->o.to->capture(s->o.user, s->enabled, s->escaped);
}

/* ---- the group's configuration ---- */

/* What of it is for the session itself. */
/* What a server asked for since holds until the configuration says another. */
static void buffer_configured(struct weir_sync *s, uint32_t mib)
{
	if (mib == s->buffer_mib)
		return;
	s->buffer_mib = mib;
	s->buffer_bytes = (size_t)mib << 20;
	if (s->channel != NULL)
		weir_rpc_channel_receive_max_set(s->channel, s->buffer_bytes);
}

static void own_settings(struct weir_sync *s, const struct weir_group_conf *c)
{
	const __typeof__(c->global.communication) *own = &c->global.communication;

	s->interval_ns = own->proactive_request_interval;
	s->escape_ns = own->max_escape_duration;
	s->genesis_ns = c->inputs.resources.push_interval;
	s->ntp_on = c->global.ntp.enabled;
	s->min_drift_ns = c->global.ntp.min_drift;
	s->max_drift_ns = c->global.ntp.max_drift;
	s->proxy_in_config = weir_group_conf_from(c, &own->proxy_controller_ip) == WEIR_CONF_FILE &&
			     own->proxy_controller_ip[0] != '\0';
	weir_sync_copy(s->proxy, sizeof(s->proxy), own->proxy_controller_ip);
	s->proxy_port = own->proxy_controller_port;
	buffer_configured(s, own->grpc_buffer_size);
}

/* A text with a mistake is the same next time. What else failed may go well then: it is tried again. */
static void refuse(struct weir_sync *s, const char *yaml, int rc, const struct weir_err *err)
{
	s->n.refused++;
	s->config_refused = true;
	free(s->refused);
	s->refused = rc == -EINVAL || rc == -EFBIG ? strdup(yaml) : NULL;
	(void)weir_exceptions_set(s->o.exceptions, WEIR_EXCEPTION_INVALID_CONFIGURATION);
	weir_log_about(WEIR_LOG_ERR, "controller", s->server,
		       "its configuration is refused, the one before it stays: %s", err->msg);
}

static int give(struct weir_sync *s, const char *yaml, const char *origin, struct weir_err *err)
{
	const size_t len = strlen(yaml);
	const struct weir_group_conf *taken = NULL;
	int rc;

	if (len > WEIR_CONF_BYTES_MAX)
		return weir_err_set(err, EFBIG, "it has %zu bytes; allowed are %d", len,
				    WEIR_CONF_BYTES_MAX);
	rc = s->o.to->group(s->o.user, yaml, len, origin, ++s->revision, &taken, err);
	if (rc == 0)
		own_settings(s, taken);
	return rc;
}

/* It is in force, newly or still. */
static void accepted(struct weir_sync *s)
{
	s->config_refused = s->from_disk = false;
	s->proxy_named = s->proxy_in_config;
	free(s->refused);
	s->refused = NULL;
	(void)weir_exceptions_clear(s->o.exceptions, WEIR_EXCEPTION_INVALID_CONFIGURATION);
}

static void config(struct weir_sync *s, const char *yaml)
{
	struct weir_err err = { 0 };
	char origin[340], *copy;
	int rc;

	if (s->refused != NULL && strcmp(yaml, s->refused) == 0)
		return;
	/* after one that was refused, the handler is told of the return to what is in force */
	if (!s->config_refused && s->kept.config != NULL && strcmp(yaml, s->kept.config) == 0) {
		accepted(s);
		return;
	}
	snprintf(origin, sizeof(origin), "controller %s", s->server);
	copy = strdup(yaml);
	rc = copy != NULL ? give(s, yaml, origin, &err) : weir_err_set(&err, ENOMEM, "no memory");
	if (rc != 0) {
		free(copy);
		refuse(s, yaml, rc, &err);
		return;
	}
	free(s->kept.config);
	s->kept.config = copy;
	s->kept_dirty = true;
	s->n.accepted++;
	accepted(s);
}

void weir_sync_group_retry(struct weir_sync *s)
{
	char *yaml = s->refused;

	if (yaml == NULL)
		return;
	s->refused = NULL;
	config(s, yaml);
	free(yaml);
}

static void dynamic(struct weir_sync *s, const struct weir_sync_dynamic *d)
{
	/* Both lie in zeroed memory, and members are set one by one. */
	/* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
	if (s->kept.has_dynamic && memcmp(&s->kept.dynamic, d, sizeof(*d)) == 0)
		return;
	s->kept.dynamic = *d;
	s->kept.has_dynamic = s->kept_dirty = true;
	if (s->o.to->dynamic != NULL)
		s->o.to->dynamic(s->o.user, d);
}

/* ---- tables ---- */

static bool put(struct weir_sync *s, enum weir_sync_table t, uint64_t version,
		const struct weir_sync_bytes *bytes)
{
	struct weir_sync_part *p = &s->kept.tables.part[t];
	const bool emptied = bytes->n == 0 && p->bytes.n > 0;

	if (!weir_sync_bytes_copy(&p->bytes, bytes->v, bytes->n)) {
		weir_sync_say(s, "tables of the controller: no memory; they stay as they were");
		return false;
	}
	if (emptied)
		weir_log_about(WEIR_LOG_WARN, "controller", s->server,
			       "it has emptied a table (version %" PRIu64 ")", version);
	p->version = version;
	p->dialect = s->dialect;
	return true;
}

static void tables(struct weir_sync *s, const struct weir_sync_reply *r)
{
	static const struct weir_sync_bytes none = { 0 };
	const struct weir_sync_part *places = &s->kept.tables.part[WEIR_SYNC_PLACES];
	unsigned int changed = 0;

	for (enum weir_sync_table t = 0; t < WEIR_SYNC_VERSIONS; t++) {
		const uint64_t held = s->heard_ns != 0 ? s->kept.tables.part[t].version : 0;
		const enum weir_sync_rule rule =
			weir_sync_version_rule(held, r->version[t], r->has_table[t], r->partial);

		if (rule != WEIR_SYNC_LEAVE &&
		    put(s, t, r->version[t], rule == WEIR_SYNC_REPLACE ? &r->table[t] : &none))
			changed |= 1U << t;
	}
	/* They have no version. A server that has no platform data yet has none of these either. */
	if (!r->partial && r->version[WEIR_SYNC_PLATFORM] != 0 &&
	    (places->bytes.n != r->places.n || places->dialect != s->dialect ||
	     (r->places.n > 0 && memcmp(places->bytes.v, r->places.v, r->places.n) != 0)) &&
	    put(s, WEIR_SYNC_PLACES, 0, &r->places))
		changed |= 1U << WEIR_SYNC_PLACES;
	if (changed == 0)
		return;
	s->kept_dirty = true;
	if (s->o.to->tables != NULL)
		s->o.to->tables(s->o.user, &s->kept.tables, changed);
}

void weir_sync_table_refuse(struct weir_sync *s, enum weir_sync_table table, const char *why)
{
	weir_log_about(WEIR_LOG_ERR, "controller", s->server,
		       "a table is refused, the one before it stays: %s", why);
	if (table < WEIR_SYNC_VERSIONS)
		s->kept.tables.part[table].version = 0;
}

/* ---- the rest of an answer ---- */

static void buffer(struct weir_sync *s, const struct weir_sync_reply *r)
{
	const uint64_t wanted = weir_min_u64(weir_max_u64(r->new_buffer_bytes, BUFFER_MIN),
					     BUFFER_MAX);

	if (r->new_buffer_bytes == 0 || wanted == s->buffer_bytes)
		return;
	s->buffer_bytes = wanted;
	weir_rpc_channel_receive_max_set(s->channel, s->buffer_bytes);
	s->again = r->partial;
}

/* An update is a matter of packages: said once for each revision. */
static void update(struct weir_sync *s, const struct weir_sync_reply *r)
{
	if (r->revision[0] == '\0' || strstr(s->o.revision, r->revision) != NULL ||
	    strncmp(r->revision, s->update, sizeof(s->update) - 1) == 0)
		return;
	weir_sync_copy(s->update, sizeof(s->update), r->revision);
	weir_log_about(WEIR_LOG_INFO, "controller", s->server,
		       "it wants revision %s here, which is not done: weir comes in packages",
		       s->update);
}

void weir_sync_apply(struct weir_sync *s, const ProtobufCMessage *m, bool pushed,
		     enum weir_sync_status *status, bool *with_config)
{
	struct weir_sync_reply r;

	if (weir_sync_reply_read(s->dialect, m, &r) != 0) {
		weir_sync_say(s, "an answer of the controller: no memory to read it");
		*status = WEIR_SYNC_HEARTBEAT;
		return;
	}
	*status = (enum weir_sync_status)r.status;
	*with_config = r.config != NULL;
	if (r.status != WEIR_SYNC_HEARTBEAT) {
		buffer(s, &r);
		if (r.config != NULL)
			config(s, r.config);
		if (r.has_dynamic)
			dynamic(s, &r.dynamic);
		if (r.status == WEIR_SYNC_SUCCESS)
			tables(s, &r);
		update(s, &r);
		weir_sync_escape_arm(&s->escape, weir_clock_mono_ns(),
				     weir_sync_or(s->o.escape_ns, s->escape_ns));
		weir_sync_capture_look(s);
		weir_sync_kept_store(s, false);
	}
	if (pushed && s->again) {
		s->again = false;
		weir_sync_soon(s, 0);
	}
	weir_sync_reply_free(&r);
}

/* ---- on disk ---- */

void weir_sync_kept_store(struct weir_sync *s, bool now)
{
	const uint64_t clock = weir_clock_mono_ns();
	char *bytes;
	size_t n = 0;

	if (s->keeper == NULL || s->kept.config == NULL ||
	    (!s->kept_dirty && !weir_sync_keeper_failed(s->keeper)) ||
	    (!now && s->kept_ns != 0 && clock - s->kept_ns < KEEP_EVERY))
		return;
	s->kept_ns = clock;
	s->kept.saved_s = weir_clock_wall_ns() / WEIR_NS_PER_S;
	weir_sync_copy(s->kept.server, sizeof(s->kept.server), s->server);
	bytes = weir_sync_kept_pack(&s->kept, &n);
	if (bytes == NULL) {
		weir_log(WEIR_LOG_WARN, "%s: not kept for the next start: no memory",
			 s->o.kept_path);
		return;
	}
	s->kept_dirty = false;
	weir_sync_keeper_put(s->keeper, bytes, n);
}

static unsigned int not_empty(const struct weir_sync_tables *t)
{
	unsigned int bits = 0;

	for (int i = 0; i < WEIR_SYNC_TABLES; i++)
		bits |= t->part[i].bytes.n > 0 ? 1U << i : 0;
	return bits;
}

/* Have in force what was kept. */
static void kept_use(struct weir_sync *s)
{
	struct weir_err err = { 0 };
	char origin[380];

	snprintf(origin, sizeof(origin), "controller %s, kept", s->kept.server);
	if (s->kept.config != NULL && give(s, s->kept.config, origin, &err) != 0) {
		weir_log(WEIR_LOG_WARN, "%s: what was kept is refused: %s", s->o.kept_path,
			 err.msg);
		free(s->kept.config);
		s->kept.config = NULL;
	}
	s->proxy_named = false; /* a controller is asked first */
	s->from_disk = s->kept.config != NULL;
	if (s->kept.has_dynamic && s->o.to->dynamic != NULL)
		s->o.to->dynamic(s->o.user, &s->kept.dynamic);
	if (s->o.to->tables != NULL && not_empty(&s->kept.tables) != 0)
		s->o.to->tables(s->o.user, &s->kept.tables, not_empty(&s->kept.tables));
	weir_sync_capture_look(s);
}

void weir_sync_kept_load(struct weir_sync *s)
{
	char *bytes = NULL;
	size_t n = 0;
	int rc;

	if (s->o.kept_path == NULL)
		return;
	rc = weir_sync_file_read(s->o.kept_path, WEIR_SYNC_KEPT_MAX, &bytes, &n);
	if (rc == 0)
		rc = weir_sync_kept_unpack(bytes, n, &s->kept);
	free(bytes);
	if (rc == 0)
		kept_use(s);
	else if (rc != -ENOENT)
		weir_log(WEIR_LOG_WARN, "%s: what was kept of the controller cannot be used: %s",
			 s->o.kept_path, rc == -EBADMSG ? "it is not whole" : strerror(-rc));
}
