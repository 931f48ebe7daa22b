/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A channel of ours stays while gRPC's, a link here, is made anew: limits and certificates of one cannot be
 * changed. Each call holds the link it started on.
 */
#include "rpc_priv.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#define RECEIVE_MAX_BYTES ((size_t)5 << 20)
#define KEEPALIVE_WAIT_MS 20000
#define CONNECT_MS        5000
#define BACKOFF_FIRST_MS  1000
#define BACKOFF_MAX_MS    10000

/* What a constant of gRPC names as a key is no constant to its struct. */
static grpc_arg int_arg(const char *key, size_t value)
{
	return (grpc_arg){ .type = GRPC_ARG_INTEGER,
			   .key = (char *)(uintptr_t)key,
			   .value.integer = (int)weir_min_u64(value, INT_MAX) };
}

static size_t arguments(const struct weir_rpc_channel *ch, grpc_arg args[16])
{
	size_t n = 0;

	args[n++] = int_arg(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, ch->receive_max_bytes);
	args[n++] = int_arg(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, ch->connect_ms);
	args[n++] = int_arg(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, BACKOFF_FIRST_MS);
	args[n++] = int_arg(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, BACKOFF_MAX_MS);
	args[n++] = int_arg(GRPC_ARG_ENABLE_RETRIES, 0);
	args[n++] = int_arg(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
	args[n++] = int_arg(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
	args[n++] = int_arg(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
	args[n++] = int_arg(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, 1);
	if (ch->keepalive_ms != 0) {
		args[n++] = int_arg(GRPC_ARG_KEEPALIVE_TIME_MS, ch->keepalive_ms);
		args[n++] = int_arg(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, ch->keepalive_wait_ms);
		args[n++] = int_arg(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
	}
	if (ch->watch != NULL && ch->name != NULL)
		args[n++] = (grpc_arg){ .type = GRPC_ARG_STRING,
					.key = (char *)(uintptr_t)GRPC_SSL_TARGET_NAME_OVERRIDE_ARG,
					.value.string = ch->name };
	return n;
}

static struct rpc_link *link_create(const struct weir_rpc_channel *ch)
{
	grpc_channel_credentials *credentials = rpc_channel_credentials(
		ch->watch != NULL ? weir_cert_watch_pem(ch->watch) : NULL);
	struct rpc_link *link = gpr_zalloc(sizeof(*link));
	grpc_arg args[16];
	const grpc_channel_args all = { arguments(ch, args), args };

	link->users = 1;
	link->channel = grpc_channel_create(ch->target, credentials, &all);
	grpc_channel_credentials_release(credentials);
	return link;
}

struct rpc_link *rpc_link_get(struct rpc_link *link)
{
	link->users++;
	return link;
}

void rpc_link_put(struct rpc_link *link)
{
	if (--link->users > 0)
		return;
	grpc_channel_destroy(link->channel);
	gpr_free(link);
}

static void renew(void *user)
{
	struct weir_rpc_channel *ch = user;

	rpc_link_put(ch->link);
	ch->link = link_create(ch);
}

static unsigned int or_else(unsigned int value, unsigned int usual)
{
	return value != 0 ? value : usual;
}

struct weir_rpc_channel *weir_rpc_channel_open(struct weir_rpc *rpc,
					       const struct weir_rpc_peer *peer,
					       struct weir_err *err)
{
	struct weir_rpc_channel *ch;

	if (!rpc_target_is_whole(peer->target)) {
		weir_err_set(
			err, EINVAL,
			"%s: a name or an address and a port, as 10.0.0.1:30035 or [::1]:30035",
			peer->target);
		return NULL;
	}
	ch = gpr_zalloc(sizeof(*ch));
	ch->rpc = rpc;
	ch->receive_max_bytes = peer->receive_max_bytes != 0 ? peer->receive_max_bytes
							     : RECEIVE_MAX_BYTES;
	ch->keepalive_ms = peer->keepalive_ms;
	ch->keepalive_wait_ms = or_else(peer->keepalive_wait_ms, KEEPALIVE_WAIT_MS);
	ch->connect_ms = or_else(peer->connect_ms, CONNECT_MS);
	LIST_INIT(&ch->calls);
	if (peer->files != NULL) {
		ch->watch = weir_cert_watch_open(rpc->base, peer->files, renew, ch, err);
		if (ch->watch == NULL) {
			gpr_free(ch);
			return NULL;
		}
	}
	ch->target = rpc_copy(peer->target);
	ch->name = rpc_copy(peer->name);
	ch->link = link_create(ch);
	LIST_INSERT_HEAD(&rpc->channels, ch, entry);
	return ch;
}

void weir_rpc_channel_receive_max_set(struct weir_rpc_channel *ch, size_t bytes)
{
	if (bytes == 0)
		bytes = RECEIVE_MAX_BYTES;
	if (bytes == ch->receive_max_bytes)
		return;
	ch->receive_max_bytes = bytes;
	renew(ch);
}

void weir_rpc_channel_close(struct weir_rpc_channel *ch)
{
	if (ch == NULL)
		return;
	rpc_calls_abandon(&ch->calls);
	weir_cert_watch_close(ch->watch);
	rpc_link_put(ch->link);
	LIST_REMOVE(ch, entry);
	gpr_free(ch->target);
	gpr_free(ch->name);
	gpr_free(ch);
}
