/* SPDX-License-Identifier: Apache-2.0 */
/* The other direction of lib/export/jsonl.c, by the same table. */
#include "rec_json.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t number_of(const json_t *v)
{
	return (uint64_t)json_integer_value(v);
}

static const char *text_of(const json_t *v)
{
	return json_is_string(v) ? json_string_value(v) : "";
}

static uint32_t ip4_of(const json_t *v)
{
	uint32_t ip = 0;

	inet_pton(AF_INET, text_of(v), &ip);
	return ntohl(ip);
}

static void take_ip(struct weir_flow_rec *rec, union weir_ip *to, const json_t *v)
{
	bool is_ipv6 = strchr(text_of(v), ':') != NULL;

	inet_pton(is_ipv6 ? AF_INET6 : AF_INET, text_of(v), to->b);
	rec->is_ipv6 |= is_ipv6;
}

static void take_mac(uint8_t to[6], const json_t *v)
{
	unsigned int b[6] = { 0 };

	if (sscanf(text_of(v), "%2x:%2x:%2x:%2x:%2x:%2x", &b[0], &b[1], &b[2], &b[3], &b[4],
		   &b[5]) != 6)
		return;
	for (size_t i = 0; i < 6; i++)
		to[i] = (uint8_t)b[i];
}

static void take_gids(uint16_t to[WEIR_REC_GIDS_MAX], const json_t *v)
{
	for (size_t i = 0; i < WEIR_REC_GIDS_MAX && i < json_array_size(v); i++)
		to[i] = (uint16_t)number_of(json_array_get(v, i));
}

static uint8_t point_of(const json_t *v)
{
	const char *text = text_of(v);

	for (unsigned int i = 0; i <= UINT8_MAX && text[0] != '\0'; i++)
		if (strcmp(weir_observation_point_text((uint8_t)i), text) == 0)
			return (uint8_t)i;
	return 0;
}

/* A value of each kind of flow_fields.def. */
#define TAKE_U8(to)    to = (uint8_t)number_of(v)
#define TAKE_U16(to)   to = (uint16_t)number_of(v)
#define TAKE_U32(to)   to = (uint32_t)number_of(v)
#define TAKE_U64(to)   to = number_of(v)
#define TAKE_I32(to)   to = (int32_t)json_integer_value(v)
#define TAKE_ID(to)    to = strtoull(text_of(v), NULL, 10)
#define TAKE_TIME(to)  to = number_of(v) * WEIR_NS_PER_US
#define TAKE_SPAN(to)  to = number_of(v) * WEIR_NS_PER_US
#define TAKE_IP(to)    take_ip(rec, &to, v)
#define TAKE_IP4(to)   to = ip4_of(v)
#define TAKE_GIDS(to)  take_gids(to, v)
#define TAKE_MAC(to)   take_mac(to, v)
#define TAKE_POINT(to) to = point_of(v)

static void take_field(struct weir_flow_rec *rec, enum weir_field f, const json_t *v)
{
	switch (f) {
#define WEIR_FIELD(name, kind, member, add, show, help) \
	case WEIR_FIELD_##name:                         \
		TAKE_##kind(rec->member);               \
		break;
#include "flow_fields.def"
	default:
		break; /* derived of others */
	}
}

/* What is not kept as it is shown. */
static void take_derived(struct weir_flow_rec *rec, const json_t *object)
{
	rec->flow_count = (uint32_t)number_of(json_object_get(object, "flow_count"));
	if (rec->flow_count == 0)
		rec->flow_count = 1;
	if (rec->flow_count > 1)
		rec->flags |= WEIR_REC_FOLDED;
	if (number_of(json_object_get(object, "is_new_flow")) != 0)
		rec->flags |= WEIR_REC_NEW;
	rec->tunnel[0].type = (uint8_t)number_of(json_object_get(object, "tunnel_type"));
	rec->tunnel[0].tier = (uint8_t)number_of(json_object_get(object, "tunnel_tier"));
	rec->flow_start_ns = rec->start_ns;
}

bool rec_from_json(struct weir_flow_rec *rec, const json_t *object)
{
	*rec = (struct weir_flow_rec){ 0 };
	if (!json_is_string(json_object_get(object, "flow_id")))
		return false;
	for (unsigned int f = 0; f < WEIR_FIELDS; f++) {
		const json_t *v = weir_fields[f].show != WEIR_SHOW_NEVER
					  ? json_object_get(object, weir_fields[f].name)
					  : NULL;

		if (v != NULL)
			take_field(rec, (enum weir_field)f, v);
	}
	take_derived(rec, object);
	return true;
}
