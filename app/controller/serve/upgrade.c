/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Upgrade: the image that an agent is wanted to run, in pieces of a stream; each is read when the one before has left.
 * Control plane, 2.10.
 */
#include "serve_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PIECE_BYTES ((size_t)512 << 10)

/* An image may be deleted meanwhile: of it nothing is borrowed, and no file is kept open. */
struct upgrade {
	bool (*send)(struct weir_rpc_stream *st, const struct serve_piece *p);
	uint64_t at;
	struct serve_piece piece;
	char md5[33], k8s_image[256];
	char path[];
};

/* -errno; less than `n`: the file is shorter than it was said to be. */
static ssize_t read_at(const char *path, uint64_t at, uint8_t *to, size_t n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got, rc = fd < 0 ? -errno : 0;
	size_t have = 0;

	while (fd >= 0 && have < n) {
		got = pread(fd, to + have, n - have, (off_t)(at + have));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			rc = -errno;
		if (got <= 0)
			break;
		have += (size_t)got;
	}
	if (fd >= 0)
		close(fd);
	return rc < 0 ? rc : (ssize_t)have;
}

static void send_piece(struct weir_rpc_stream *st, struct upgrade *u)
{
	const size_t n = weir_min_u64(u->piece.total - u->at, PIECE_BYTES);
	uint8_t *bytes = malloc(PIECE_BYTES);
	ssize_t got = -ENOMEM;

	if (bytes != NULL)
		got = read_at(u->path, u->at, bytes, n);
	if (got < 0 || (size_t)got < n) {
		weir_log(WEIR_LOG_WARN, "%s: image for an upgrade: %s", u->path,
			 got < 0 ? strerror((int)-got) : "it is shorter than it was");
		weir_rpc_stream_finish(st, WEIR_RPC_INTERNAL, "the image cannot be read");
	} else {
		u->piece.bytes = bytes;
		u->piece.n = n;
		if (u->send(st, &u->piece))
			u->at += n;
	}
	free(bytes);
}

void serve_upgrade_room(struct weir_rpc_stream *st)
{
	struct upgrade *u = weir_rpc_stream_user(st);

	if (u == NULL)
		return;
	if (u->at < u->piece.total)
		send_piece(st, u);
	else
		weir_rpc_stream_finish(st, WEIR_RPC_OK, NULL);
}

static struct upgrade *create(const struct site_image *image)
{
	const size_t n = strlen(image->path) + 1;
	struct upgrade *u = calloc(1, sizeof(*u) + n);

	if (u == NULL)
		return NULL;
	memcpy(u->path, image->path, n);
	memcpy(u->md5, image->md5, sizeof(u->md5));
	snprintf(u->k8s_image, sizeof(u->k8s_image), "%s", image->k8s_image);
	u->piece.md5 = u->md5;
	u->piece.k8s_image = u->k8s_image;
	u->piece.total = image->bytes;
	u->piece.pieces = (uint32_t)((image->bytes + PIECE_BYTES - 1) / PIECE_BYTES);
	return u;
}

static const struct site_image *wanted(struct weir_rpc_stream *st, const struct serve_asker *who)
{
	struct serve *s = serve_of(st);
	const struct site_agent *a;
	struct serve_peer peer;

	serve_peer(st, &peer);
	if (who->ctrl_ip == NULL || who->ctrl_mac == NULL)
		return NULL;
	a = site_agent_calls(s->o.site, who->ctrl_ip, who->ctrl_mac, peer.name, peer.certified);
	return a != NULL ? site_image_named(s->o.site, a->wanted_image) : NULL;
}

void serve_upgrade(struct weir_rpc_stream *st, const struct serve_asker *who,
		   bool (*send)(struct weir_rpc_stream *st, const struct serve_piece *p))
{
	const struct site_image *image = wanted(st, who);
	struct upgrade *u = image != NULL ? create(image) : NULL;

	if (u == NULL) { /* no upgrade is wanted of it */
		send(st, &(struct serve_piece){ .failed = true });
		weir_rpc_stream_finish(st, WEIR_RPC_OK, NULL);
		return;
	}
	u->send = send;
	weir_rpc_stream_user_set(st, u);
	if (u->piece.total > 0) {
		send_piece(st, u);
		return;
	}
	send(st, &u->piece); /* an image of Kubernetes' own has a name, and no file here */
	weir_rpc_stream_finish(st, WEIR_RPC_OK, NULL);
}

void serve_upgrade_closed(struct weir_rpc_stream *st, bool cancelled)
{
	(void)cancelled;
	free(weir_rpc_stream_user(st));
}
