/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last good configuration as a file: what a restart without a controller goes on with. Sections of a
 * head line "NAME NUMBER NUMBER LENGTH", that many bytes, and a line break; the last one holds a sum of all before
 * it. Written and read by the same program; sections of a newer one are skipped.
 */
#include "codec.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define MAGIC "weir-sync 1\n"

/* FNV-1a: finds what a disk loses, not what somebody forges. */
static uint64_t sum(const char *bytes, size_t n)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
	return h;
}

static const char *const table_names[WEIR_SYNC_TABLES] = { "platform", "acls", "groups", "places" };

static void put(FILE *f, const char *name, uint64_t a, uint64_t b, const void *bytes, size_t n)
{
	fprintf(f, "%s %" PRIu64 " %" PRIu64 " %zu\n", name, a, b, n);
	if (n > 0)
		fwrite(bytes, 1, n, f);
	fputc('\n', f);
}

static void put_text(FILE *f, const char *name, const char *text)
{
	put(f, name, 0, 0, text, strlen(text));
}

static void put_dynamic(FILE *f, const struct weir_sync_dynamic *d)
{
	char numbers[160];

	snprintf(numbers, sizeof(numbers), "%u %u %u %u %u %u %u %u %u", d->enabled,
		 d->kubernetes_api_enabled, d->region_id, d->pod_cluster_id, d->vpc_id, d->agent_id,
		 d->team_id, d->organize_id, d->agent_type);
	put_text(f, "dynamic", numbers);
	put_text(f, "secret_key", d->secret_key);
	put_text(f, "hostname", d->hostname);
	put_text(f, "group_id", d->group_id);
}

char *weir_sync_kept_pack(const struct weir_sync_kept *k, size_t *n)
{
	char *bytes = NULL;
	FILE *f = open_memstream(&bytes, n);

	if (f == NULL)
		return NULL;
	fputs(MAGIC, f);
	put(f, "server", k->saved_s, 0, k->server, strlen(k->server));
	if (k->config != NULL)
		put_text(f, "config", k->config);
	if (k->has_dynamic)
		put_dynamic(f, &k->dynamic);
	for (int i = 0; i < WEIR_SYNC_TABLES; i++) {
		const struct weir_sync_part *p = &k->tables.part[i];

		put(f, table_names[i], p->version, p->dialect, p->bytes.v, p->bytes.n);
	}
	fflush(f);
	put(f, "end", bytes != NULL ? sum(bytes, *n) : 0, 0, "", 0);
	if (fclose(f) != 0) {
		free(bytes);
		return NULL;
	}
	return bytes;
}

struct section {
	char name[16];
	uint64_t a, b;
	const char *bytes;
	size_t n;
};

/* Read the section at *at, and step over it. */
static bool next(const char **at, const char *end, struct section *s)
{
	char head[96], *brk;
	const char *line = memchr(*at, '\n', weir_min_u64((size_t)(end - *at), sizeof(head) - 1));
	int used = 0;

	if (line == NULL)
		return false;
	memcpy(head, *at, (size_t)(line - *at));
	head[line - *at] = '\0';
	for (brk = head; *brk != '\0'; brk++)
		if ((unsigned char)*brk < ' ' || *brk == '-' || *brk == '+')
			return false;
	if (sscanf(head, "%15s %" SCNu64 " %" SCNu64 " %zu%n", s->name, &s->a, &s->b, &s->n,
		   &used) != 4 ||
	    head[used] != '\0')
		return false;
	s->bytes = line + 1;
	if (s->n >= (size_t)(end - s->bytes) || s->bytes[s->n] != '\n')
		return false;
	*at = s->bytes + s->n + 1;
	return true;
}

static bool take_dynamic(const struct section *s, struct weir_sync_dynamic *d)
{
	unsigned int enabled, kubernetes;
	char text[161];

	if (s->n >= sizeof(text))
		return false;
	memcpy(text, s->bytes, s->n);
	text[s->n] = '\0';
	if (sscanf(text, "%u %u %u %u %u %u %u %u %u", &enabled, &kubernetes, &d->region_id,
		   &d->pod_cluster_id, &d->vpc_id, &d->agent_id, &d->team_id, &d->organize_id,
		   &d->agent_type) != 9)
		return false;
	d->enabled = enabled != 0;
	d->kubernetes_api_enabled = kubernetes != 0;
	return true;
}

static bool take_text(const struct section *s, char *to, size_t size)
{
	if (s->n >= size || memchr(s->bytes, '\0', s->n) != NULL)
		return false;
	memcpy(to, s->bytes, s->n);
	to[s->n] = '\0';
	return true;
}

static int take_table(const struct section *s, struct weir_sync_part *p)
{
	if (s->b > WEIR_SYNC_TRIDENT)
		return -EBADMSG;
	p->version = s->a;
	p->dialect = (enum weir_sync_dialect)s->b;
	return weir_sync_bytes_copy(&p->bytes, (const uint8_t *)s->bytes, s->n) ? 0 : -ENOMEM;
}

static int take(const struct section *s, struct weir_sync_kept *k)
{
	bool ok = true;

	for (int i = 0; i < WEIR_SYNC_TABLES; i++)
		if (strcmp(s->name, table_names[i]) == 0)
			return take_table(s, &k->tables.part[i]);
	if (strcmp(s->name, "config") == 0) {
		if (k->config != NULL || memchr(s->bytes, '\0', s->n) != NULL)
			return -EBADMSG;
		k->config = strndup(s->bytes, s->n);
		return k->config != NULL ? 0 : -ENOMEM;
	}
	if (strcmp(s->name, "server") == 0) {
		k->saved_s = s->a;
		ok = take_text(s, k->server, sizeof(k->server));
	} else if (strcmp(s->name, "dynamic") == 0) {
		k->has_dynamic = ok = take_dynamic(s, &k->dynamic);
	} else if (strcmp(s->name, "secret_key") == 0) {
		ok = take_text(s, k->dynamic.secret_key, sizeof(k->dynamic.secret_key));
	} else if (strcmp(s->name, "hostname") == 0) {
		ok = take_text(s, k->dynamic.hostname, sizeof(k->dynamic.hostname));
	} else if (strcmp(s->name, "group_id") == 0) {
		ok = take_text(s, k->dynamic.group_id, sizeof(k->dynamic.group_id));
	}
	return ok ? 0 : -EBADMSG;
}

int weir_sync_kept_unpack(const char *bytes, size_t n, struct weir_sync_kept *k)
{
	const char *at = bytes + strlen(MAGIC), *end = bytes + n;
	struct section s;
	int rc = -EBADMSG;

	memset(k, 0, sizeof(*k));
	if (n < strlen(MAGIC) || memcmp(bytes, MAGIC, strlen(MAGIC)) != 0)
		return rc;
	for (const char *start = at; next(&at, end, &s); start = at) {
		if (strcmp(s.name, "end") == 0) {
			rc = at == end && s.b == 0 && s.n == 0 &&
					     s.a == sum(bytes, (size_t)(start - bytes))
				     ? 0
				     : -EBADMSG;
			break;
		}
		rc = take(&s, k);
		if (rc != 0)
			break;
		rc = -EBADMSG; /* unless the end comes */
	}
	if (rc != 0)
		weir_sync_kept_free(k);
	return rc;
}

void weir_sync_kept_free(struct weir_sync_kept *k)
{
	free(k->config);
	weir_sync_tables_clear(&k->tables);
	memset(k, 0, sizeof(*k));
}
