/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An NTP server's answer: RFC 5905, section 7.3. This machine's clock is what agents are to share, whoever keeps it, so it is
 * said to be a local one, of stratum 10, as servers do whose clock nothing better stands behind.
 */
#include "serve_priv.h"

enum {
	STRATUM = 1,
	POLL = 2,
	PRECISION = 3,
	REFERENCE_ID = 12,
	REFERENCE = 16,
	ORIGINATE = 24,
	RECEIVE = 32,
	TRANSMIT = 40,
};
#define MODE_CLIENT   3
#define MODE_SERVER   4
#define VERSION_MAX   4
#define LOCAL_STRATUM 10
#define MICROSECOND   0xec /* 2^-20 s, as a signed power of two */
#define FROM_1900_S   UINT64_C(2208988800)
#define ERA           UINT64_C(4294967296)

static const uint8_t local_clock[] = { 'L', 'O', 'C', 'L' };

static void put64(uint8_t *p, uint64_t v)
{
	v = __builtin_bswap64(v);
	memcpy(p, &v, sizeof(v));
}

/* Seconds since 1900 in 32.32 bits; they wrap in 2036. */
static uint64_t ntp_time(uint64_t ns)
{
	const uint64_t s = ns / WEIR_NS_PER_S + FROM_1900_S;

	return s % ERA << 32 | ((ns % WEIR_NS_PER_S) << 32) / WEIR_NS_PER_S;
}

bool serve_ntp_answer(const uint8_t *packet, size_t n, uint64_t now_ns,
		      uint8_t answer[SERVE_NTP_BYTES])
{
	const unsigned int version = n > 0 ? packet[0] >> 3 & 7 : 0;
	const uint64_t now = ntp_time(now_ns);

	if (n < SERVE_NTP_BYTES || (packet[0] & 7) != MODE_CLIENT || version == 0 ||
	    version > VERSION_MAX)
		return false;
	memset(answer, 0, SERVE_NTP_BYTES);
	answer[0] = (uint8_t)(version << 3 | MODE_SERVER);
	answer[STRATUM] = LOCAL_STRATUM;
	answer[POLL] = packet[POLL];
	answer[PRECISION] = MICROSECOND;
	memcpy(answer + REFERENCE_ID, local_clock, sizeof(local_clock));
	put64(answer + REFERENCE, now);
	memcpy(answer + ORIGINATE, packet + TRANSMIT, 8);
	put64(answer + RECEIVE, now);
	put64(answer + TRANSMIT, now);
	return true;
}
