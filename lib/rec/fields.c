/* SPDX-License-Identifier: Apache-2.0 */
/* The table of fields, and what is derived of a record. Ingest format, 2.1. */
#include <weir_rec.h>

#include <netinet/in.h>

#define REC_OFFSET(member) offsetof(struct weir_flow_rec, member)
#define REC_BYTES(member)  sizeof(((struct weir_flow_rec *)0)->member)

const struct weir_field_info weir_fields[WEIR_FIELDS] = {
#define WEIR_FIELD(name, kind, member, add, show, help) \
	{ #name, help, #kind, REC_OFFSET(member), REC_BYTES(member), WEIR_SHOW_##show },
#define WEIR_DERIVED(name, kind, expr, show, help) { #name, help, #kind, 0, 0, WEIR_SHOW_##show },
#include "flow_fields.def"
};

enum weir_field weir_field_by_name(const char *name)
{
	unsigned int f = 0;

	while (f < WEIR_FIELDS && strcmp(weir_fields[f].name, name) != 0)
		f++;
	return (enum weir_field)f;
}

#define NUMBER(v)      return (int64_t)(v);
#define NUMBER_U8      NUMBER
#define NUMBER_U16     NUMBER
#define NUMBER_U32     NUMBER
#define NUMBER_U64     NUMBER
#define NUMBER_I32     NUMBER
#define NUMBER_ID      NUMBER
#define NUMBER_TIME(v) NUMBER((v) / WEIR_NS_PER_US)
#define NUMBER_SPAN(v) NUMBER((v) / WEIR_NS_PER_US)
#define NUMBER_IP4     NUMBER
#define NUMBER_MAC(v)  NUMBER(weir_be48(v))
#define NUMBER_POINT   NUMBER
#define NUMBER_IP(v)   return 0;
#define NUMBER_GIDS(v) return 0;

int64_t weir_field_number(enum weir_field f, const struct weir_flow_rec *rec)
{
	const struct weir_flow_rec *r = rec; /* the name in the table's expressions */

	switch (f) {
#define WEIR_FIELD(name, kind, member, add, show, help) \
	case WEIR_FIELD_##name:                         \
		NUMBER_##kind(r->member)
#define WEIR_DERIVED(name, kind, expr, show, help) \
	case WEIR_FIELD_##name:                    \
		NUMBER_##kind((expr))
#include "flow_fields.def"
	case WEIR_FIELDS:
		break;
	}
	return 0;
}

bool weir_field_is_signed(enum weir_field f)
{
	return weir_fields[f].kind[0] == 'I' && strcmp(weir_fields[f].kind, "I32") == 0;
}

bool weir_field_is_list(enum weir_field f)
{
	return strcmp(weir_fields[f].kind, "GIDS") == 0;
}

uint8_t weir_flow_rec_status(const struct weir_flow_rec *rec)
{
	enum { SUCCESS = 0, UNKNOWN = 2, SERVER_ERROR = 3, CLIENT_ERROR = 4 };

	switch ((enum weir_close_type)rec->close_type) {
	case WEIR_CLOSE_FINISH:
	case WEIR_CLOSE_FORCED_REPORT:
	case WEIR_CLOSE_SERVER_HALF_CLOSE:
	case WEIR_CLOSE_CLIENT_HALF_CLOSE:
	case WEIR_CLOSE_FIN_CLIENT_RST:
		return SUCCESS;
	case WEIR_CLOSE_TIMEOUT:
		return rec->protocol == IPPROTO_TCP ? SERVER_ERROR : SUCCESS;
	case WEIR_CLOSE_SERVER_RST:
	case WEIR_CLOSE_CLIENT_SYN_REPEAT:
	case WEIR_CLOSE_SERVER_RESET:
	case WEIR_CLOSE_SERVER_QUEUE_LACK:
	case WEIR_CLOSE_SERVER_ESTABLISH_RESET:
		return SERVER_ERROR;
	case WEIR_CLOSE_CLIENT_RST:
	case WEIR_CLOSE_SERVER_SYNACK_REPEAT:
	case WEIR_CLOSE_CLIENT_PORT_REUSE:
	case WEIR_CLOSE_CLIENT_ESTABLISH_RESET:
		return CLIENT_ERROR;
	case WEIR_CLOSE_UNKNOWN:
		break;
	}
	return UNKNOWN;
}

uint8_t weir_flow_rec_tier(const struct weir_flow_rec *rec)
{
	uint8_t tx = rec->tunnel[0].tier, rx = rec->tunnel[1].tier;
	uint8_t tier = tx > rx ? tx : rx;

	return tier < 2 ? tier : 2;
}

const char *weir_observation_point_text(uint8_t value)
{
	/* Role in the low 3 bits, place above: the ingest format allows no value beyond these. */
	static const char texts[][8] = {
		[0] = "rest",   [1] = "c",      [2] = "s",     [4] = "local",    [9] = "c-nd",
		[10] = "s-nd",  [17] = "c-hv",  [18] = "s-hv", [25] = "c-gw-hv", [26] = "s-gw-hv",
		[33] = "c-gw",  [34] = "s-gw",  [41] = "c-p",  [42] = "s-p",     [48] = "app",
		[49] = "c-app", [50] = "s-app",
	};

	return value < WEIR_ARRAY_SIZE(texts) ? texts[value] : "";
}
