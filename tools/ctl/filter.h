/* SPDX-License-Identifier: Apache-2.0 */
/* Which flow records a command looks at. What is not set matches all. */
#ifndef FILTER_H
#define FILTER_H

#include <weir_rec.h>

struct filter {
	union weir_ip ip; /* either end is in ip/prefix */
	uint8_t prefix;
	bool has_ip, ip_is_ipv6;
	uint64_t flow_id;
	uint16_t port; /* either end's */
	uint8_t protocol;
	bool has_flow_id, has_port, has_protocol;
	uint64_t since_ns, until_ns; /* the record's period overlaps; 0 = open */
};

bool filter_matches(const struct filter *f, const struct weir_flow_rec *rec);

/* From text, -EINVAL with `err` set where it makes no sense. */
int filter_take_ip(struct filter *f, const char *text, struct weir_err *err);
int filter_take_port(struct filter *f, const char *text, struct weir_err *err);
int filter_take_protocol(struct filter *f, const char *text, struct weir_err *err);
int filter_take_flow_id(struct filter *f, const char *text, struct weir_err *err);

/*
 * "1700000000.5"; "2023-11-14 22:13:20" (local time; without seconds or the time of day, too);
 * "15m" (ago).
 */
int filter_parse_time(uint64_t *ns, const char *text, struct weir_err *err);

/* A whole decimal number of at most `max`. */
int filter_parse_u64(uint64_t *n, const char *text, uint64_t max);

/* "tcp", "icmp6", "47". `to` has 8 bytes. */
void filter_protocol_text(char *to, uint8_t protocol);

#endif
