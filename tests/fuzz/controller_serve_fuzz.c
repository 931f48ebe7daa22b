/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the request of each method, in both dialects, as the controller takes it: the first byte chooses which. What is
 * decoded is read to its end; what the rooms behind do with it is a matter of their own targets.
 */
#include <errno.h>
#include <serve_priv.h>
#include <stdlib.h>

static volatile size_t seen;

static void text(const char *s)
{
	seen += s != NULL ? strlen(s) : 0;
}

static void bytes(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		seen += p[i];
}

/* ---- what the methods call ---- */

static void hello(const struct serve_hello *h)
{
	const struct site_facts *f = &h->site.facts;

	text(h->site.ctrl_ip);
	text(h->site.ctrl_mac);
	text(h->site.group_request);
	text(h->site.cluster_name);
	for (size_t i = 0; i < h->site.n_host_ips; i++)
		text(h->site.host_ips[i]);
	text(f->host);
	text(f->process_name);
	text(f->revision);
	text(f->k8s_image);
	text(f->arch);
	text(f->os);
	text(f->kernel);
	text(f->exception_text);
	text(f->cluster_id);
}

void serve_sync(struct weir_rpc_stream *st, struct serve_hello *h)
{
	(void)st;
	hello(h);
}

void serve_push_open(struct weir_rpc_stream *st, struct serve_hello *h)
{
	(void)st;
	hello(h);
}

void serve_upgrade(struct weir_rpc_stream *st, const struct serve_asker *who,
		   bool (*send)(struct weir_rpc_stream *st, const struct serve_piece *p))
{
	text(who->ctrl_ip);
	text(who->ctrl_mac);
	send(st, &(struct serve_piece){ .failed = true });
}

void serve_query(struct weir_rpc_stream *st, const uint8_t *packet, size_t n, serve_time_fn answer)
{
	uint8_t a[SERVE_NTP_BYTES];

	if (serve_ntp_answer(packet, n, 0, a))
		answer(st, a, sizeof(a));
}

bool serve_genesis(struct weir_rpc_stream *st, struct serve_genesis *g, uint64_t *version)
{
	(void)st;
	text(g->g.ctrl_ip);
	text(g->g.ctrl_mac);
	text(g->g.cluster_id);
	bytes(g->g.platform, g->g.platform_len);
	*version = g->g.version;
	return true;
}

bool serve_cluster(struct weir_rpc_stream *st, const struct inventory_cluster *c, uint64_t *version)
{
	(void)st;
	text(c->cluster_id);
	text(c->error);
	text(c->source_ip);
	for (size_t i = 0; i < c->n_entries; i++) {
		text(c->entries[i].type);
		bytes(c->entries[i].zipped, c->entries[i].n);
	}
	*version = c->version;
	return true;
}

bool serve_admits(struct weir_rpc_stream *st)
{
	(void)st;
	return true;
}

int site_cluster_of(struct site *s, const char *ca_md5, const char *name, char id[13],
		    struct weir_err *err)
{
	(void)s;
	text(name);
	if (strlen(ca_md5) != 32)
		return weir_err_set(err, EINVAL, "no MD5");
	strcpy(id, "d-0000000000");
	return 0;
}

void serve_push_room(struct weir_rpc_stream *st)
{
	(void)st;
}

void serve_push_closed(struct weir_rpc_stream *st, bool cancelled)
{
	(void)st;
	(void)cancelled;
}

void serve_upgrade_room(struct weir_rpc_stream *st)
{
	(void)st;
}

void serve_upgrade_closed(struct weir_rpc_stream *st, bool cancelled)
{
	(void)st;
	(void)cancelled;
}

void serve_query_closed(struct weir_rpc_stream *st, bool cancelled)
{
	(void)st;
	(void)cancelled;
}

/* ---- the stream ---- */

bool weir_rpc_stream_send(struct weir_rpc_stream *st, const ProtobufCMessage *m)
{
	struct weir_rpc_packed *p = weir_rpc_packed_create(m);

	(void)st;
	seen += weir_rpc_packed_size(p);
	weir_rpc_packed_destroy(p);
	return true;
}

void weir_rpc_stream_answer(struct weir_rpc_stream *st, const ProtobufCMessage *m)
{
	weir_rpc_stream_send(st, m);
}

void weir_rpc_stream_finish(struct weir_rpc_stream *st, int status, const char *why)
{
	(void)st;
	(void)status;
	text(why);
}

void *weir_rpc_stream_server_user(const struct weir_rpc_stream *st)
{
	static struct serve none;

	(void)st;
	return &none;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct weir_rpc_method *method;
	ProtobufCMessage *m;

	if (size == 0)
		return 0;
	method = data[0] & 1 ? &serve_methods_trident[data[0] / 2 % SERVE_METHODS]
			     : &serve_methods_agent[data[0] / 2 % SERVE_METHODS];
	m = weir_rpc_message_unpack(method->request, data + 1, size - 1, (size_t)1 << 20, NULL);
	if (m == NULL)
		return 0;
	if (method->sends)
		method->message_in(NULL, m);
	else
		method->open(NULL, m);
	weir_rpc_message_free(m);
	return 0;
}
