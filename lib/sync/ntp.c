/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NTP through a controller: it hands our packet to a time server and brings its answer back. RFC 5905,
 * figure 8 and section 8; times are seconds since 1900 in 32.32 bits, and wrap in 2036.
 */
#include "sync_priv.h"

#include <errno.h>
#include <stdlib.h>

enum {
	ORIGINATE = 24,
	RECEIVE = 32,
	TRANSMIT = 40,
};
#define MODE_CLIENT 3
#define MODE_SERVER 4
#define VERSION     4
#define ERA         UINT64_C(4294967296)
#define TO_UNIX_S   UINT64_C(2208988800) /* from 1900 to 1970 */

static void put64(uint8_t *p, uint64_t v)
{
	for (int i = 7; i >= 0; i--, v >>= 8)
		p[i] = (uint8_t)v;
}

/* A wall clock's time in NTP's form. */
static uint64_t ntp_time(uint64_t ns)
{
	const uint64_t s = ns / WEIR_NS_PER_S + TO_UNIX_S;

	return s % ERA << 32 | ((ns % WEIR_NS_PER_S) << 32) / WEIR_NS_PER_S;
}

/* The difference is right across the wrap while it is below 68 years. */
static int64_t since(uint64_t later, uint64_t earlier)
{
	return (int64_t)(later - earlier);
}

void weir_sync_ntp_request(uint8_t packet[WEIR_SYNC_NTP_BYTES], uint64_t mark)
{
	memset(packet, 0, WEIR_SYNC_NTP_BYTES);
	packet[0] = VERSION << 3 | MODE_CLIENT;
	put64(packet + TRANSMIT, mark);
}

int weir_sync_ntp_answer(const uint8_t *packet, size_t len, uint64_t mark, uint64_t sent_ns,
			 uint64_t got_ns, int64_t *offset_s, struct weir_err *err)
{
	uint64_t received, transmitted;
	int64_t there, back;

	if (len < WEIR_SYNC_NTP_BYTES)
		return weir_err_set(err, EPROTO, "NTP: the answer has %zu bytes, not %d", len,
				    WEIR_SYNC_NTP_BYTES);
	received = weir_be64(packet + RECEIVE);
	transmitted = weir_be64(packet + TRANSMIT);
	if ((packet[0] & 7) != MODE_SERVER)
		return weir_err_set(err, EPROTO, "NTP: the answer's mode is %d, not a server's",
				    packet[0] & 7);
	if (weir_be64(packet + ORIGINATE) != mark)
		return weir_err_set(err, EPROTO, "NTP: the answer is to another request");
	if (transmitted == 0 || since(transmitted, received) < 0)
		return weir_err_set(err, EPROTO, "NTP: the answer was sent before it was asked");
	there = since(received, ntp_time(sent_ns));
	back = since(transmitted, ntp_time(got_ns));
	*offset_s = (there / 2 + back / 2) / (int64_t)ERA;
	return 0;
}

enum weir_sync_ntp_verdict weir_sync_ntp_judge(int64_t used_s, int64_t fresh_s, bool first,
					       uint64_t min_drift_ns, uint64_t max_drift_ns)
{
	const uint64_t by_s = (uint64_t)llabs(fresh_s - used_s);

	if (by_s < min_drift_ns / WEIR_NS_PER_S)
		return WEIR_SYNC_NTP_KEEP;
	if (!first && by_s >= max_drift_ns / WEIR_NS_PER_S)
		return WEIR_SYNC_NTP_JUMP;
	return WEIR_SYNC_NTP_TAKE;
}
