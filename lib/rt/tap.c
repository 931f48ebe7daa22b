/* SPDX-License-Identifier: Apache-2.0 */
#include <weir_tap.h>

#define JUMP_NS    (60 * WEIR_NS_PER_S) /* spec 3: a live clock that runs further ahead is wrong */
#define SILENCE_NS WEIR_NS_PER_S
#define STEP_NS    (100 * WEIR_NS_PER_MS) /* so far at a time: idle workers may sleep */
#define LATEST_NS  ((uint64_t)INT64_MAX)  /* in 2262; a file may say anything, sums must not wrap */

static void behind(const struct weir_tap *tap, struct weir_frame *f, struct weir_accounting *acc)
{
	const uint64_t edge = tap->watermark_ns > tap->delay_ns ? tap->watermark_ns - tap->delay_ns
								: 0;

	if (f->ts_ns >= edge) {
		acc->late++;
	} else if (tap->lossless) {
		f->ts_ns = edge;
		acc->late++;
	} else {
		f->flags |= WEIR_FRAME_TOO_OLD;
	}
}

/* True when this frame is the first beyond a boundary that somebody was told of before. */
static bool crosses(struct weir_tap *tap, const struct weir_frame *f)
{
	const bool started = tap->boundary_ns != 0;

	if (weir_likely(f->ts_ns < tap->boundary_ns))
		return false;
	tap->boundary_ns = (f->ts_ns / WEIR_BOUNDARY_NS + 1) * WEIR_BOUNDARY_NS;
	return started;
}

unsigned int weir_tap_stamp(struct weir_tap *tap, struct weir_frame *frames, unsigned int n,
			    uint64_t now_ns, struct weir_accounting *acc)
{
	for (unsigned int i = 0; i < n; i++) {
		struct weir_frame *f = &frames[i];

		if (!tap->lossless && f->ts_ns > now_ns + JUMP_NS &&
		    f->ts_ns > tap->watermark_ns + JUMP_NS)
			f->ts_ns = now_ns;
		f->ts_ns = weir_min_u64(f->ts_ns, LATEST_NS);
		if (crosses(tap, f))
			return i;
		acc->bytes += f->wirelen;
		if (f->ts_ns < tap->watermark_ns)
			behind(tap, f, acc);
		else
			tap->watermark_ns = f->ts_ns;
	}
	return n;
}

bool weir_tap_silence(struct weir_tap *tap, uint64_t last_rx_ns, uint64_t now_ns)
{
	if (now_ns < last_rx_ns + SILENCE_NS || now_ns < tap->watermark_ns + STEP_NS)
		return false;
	tap->watermark_ns = now_ns;
	return true;
}
