/* SPDX-License-Identifier: Apache-2.0 */
/* Which VLAN of a mirror, or which port of an exporter, is which network. */
#include "site_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define TYPES_MAX 1000

const struct site_network_type *site_network_type_next(const struct site *s,
						       const struct site_network_type *after)
{
	const size_t i = after != NULL
				 ? (size_t)((const struct network_type *)after - s->network_types) +
					   1
				 : 0;

	return i < s->n_network_types ? &s->network_types[i].pub : NULL;
}

static int load_one(void *ctx, struct weir_db_stmt *stmt)
{
	struct site *s = ctx;
	struct network_type *rows = reallocarray(s->network_types, s->n_network_types + 1,
						 sizeof(*rows)),
			    *r;

	if (rows == NULL)
		return -ENOMEM;
	s->network_types = rows;
	r = &rows[s->n_network_types++];
	r->pub = (struct site_network_type){
		.type = (uint32_t)weir_db_i64(stmt, 0),
		.packet_type = (uint32_t)weir_db_i64(stmt, 1),
		.vlan = (uint32_t)weir_db_i64(stmt, 2),
		.port = (uint32_t)weir_db_i64(stmt, 4),
	};
	site_text_clean(r->source_ip, sizeof(r->source_ip), weir_db_text(stmt, 3));
	return 0;
}

static void point(struct network_type *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		rows[i].pub.source_ip = rows[i].source_ip;
}

int site_network_types_load(struct site *s, struct weir_err *err)
{
	int rc = site_rows(&s->sql,
			   "SELECT type, packet_type, vlan, source_ip, port FROM network_type"
			   " ORDER BY place",
			   NULL, 0, load_one, s, err);

	point(s->network_types, s->n_network_types);
	return rc == -ENOMEM ? weir_err_set(err, ENOMEM, "no memory for network types") : rc;
}

static int check(const struct site_network_type *t, struct network_type *r, struct weir_err *err)
{
	char mac[18];

	if (t->type < 1 || t->type > 255)
		return weir_err_set(err, EINVAL, "network type %u: allowed are 1 to 255", t->type);
	if (t->packet_type < 1 || t->packet_type > 6)
		return weir_err_set(err, EINVAL,
				    "network type %u: packet type %u: 1 is packets, 2 to 6 are "
				    "exports of flows",
				    t->type, t->packet_type);
	if (t->vlan > 4096)
		return weir_err_set(err, EINVAL, "network type %u: VLAN %u: allowed are 0 to 4096",
				    t->type, t->vlan);
	if (t->port > UINT16_MAX)
		return weir_err_set(err, EINVAL, "network type %u: port %u: allowed are 0 to 65535",
				    t->type, t->port);
	if (t->source_ip != NULL && t->source_ip[0] != '\0' &&
	    !site_key(t->source_ip, NULL, r->source_ip, mac))
		return weir_err_set(err, EINVAL,
				    "network type %u: \"%.64s\" is no address of an exporter",
				    t->type, t->source_ip);
	r->pub = *t;
	return 0;
}

static int write_all(struct site *s, const struct site_actor *by, const struct network_type *rows,
		     size_t n, struct weir_err *err)
{
	struct site_change c;

	site_change_begin(&c, &s->sql, SITE_DURABLE, err);
	site_change_run_values(&c, "DELETE FROM network_type", NULL, 0);
	for (size_t i = 0; i < n; i++)
		site_change_run(&c,
				"INSERT INTO network_type (place, type, packet_type, vlan,"
				" source_ip, port) VALUES (?, ?, ?, ?, ?, ?)",
				site_number((int64_t)i), site_number(rows[i].pub.type),
				site_number(rows[i].pub.packet_type), site_number(rows[i].pub.vlan),
				site_text(rows[i].source_ip), site_number(rows[i].pub.port));
	site_change_note(&c, by, "network-type set", "", json_pack("{s:i}", "count", (int)n));
	return site_change_end(&c);
}

int site_network_types_set(struct site *s, const struct site_actor *by,
			   const struct site_network_type *v, size_t n, struct weir_err *err)
{
	struct network_type *rows;
	int rc = 0;

	if (n > TYPES_MAX)
		return weir_err_set(err, EINVAL, "%zu network types are too many: at most %u", n,
				    TYPES_MAX);
	rows = calloc(n + 1, sizeof(*rows));
	if (rows == NULL)
		return weir_err_set(err, ENOMEM, "no memory for network types");
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = check(&v[i], &rows[i], err);
	if (rc == 0)
		rc = write_all(s, by, rows, n, err);
	if (rc != 0) {
		free(rows);
		return rc;
	}
	point(rows, n);
	site_bury(s, s->network_types, free);
	s->network_types = rows;
	s->n_network_types = n;
	site_tell_networks(s);
	return 0;
}
