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

	if (f->ts_ns < tap->boundary_ns)
		return false;
	tap->boundary_ns = weir_min_u64((f->ts_ns / WEIR_BOUNDARY_NS + 1) * WEIR_BOUNDARY_NS,
					LATEST_NS + 1);
	return started;
}

/*
 * Stamp frames as long as they are nothing special: not behind the watermark, before the boundary -
 * and so no jump either. Returns how many.
 */
static unsigned int stamp_next(struct weir_tap *tap, const struct weir_frame *frames,
			       unsigned int n, struct weir_accounting *acc)
{
	uint64_t watermark_ns = tap->watermark_ns, bytes = 0;
	unsigned int i;

	for (i = 0; i < n; i++) {
		const uint64_t ts_ns = frames[i].ts_ns;

		if (ts_ns < watermark_ns || ts_ns >= tap->boundary_ns)
			break;
		watermark_ns = ts_ns;
		bytes += frames[i].wirelen;
	}
	tap->watermark_ns = watermark_ns;
	acc->bytes += bytes;
	return i;
}

/* Any frame. False: it crosses a boundary. */
static bool stamp_one(struct weir_tap *tap, struct weir_frame *f, uint64_t now_ns,
		      struct weir_accounting *acc)
{
	if (!tap->lossless && f->ts_ns > now_ns + JUMP_NS && f->ts_ns > tap->watermark_ns + JUMP_NS)
		f->ts_ns = now_ns;
	f->ts_ns = weir_min_u64(f->ts_ns, LATEST_NS);
	if (crosses(tap, f))
		return false;
	acc->bytes += f->wirelen;
	if (f->ts_ns < tap->watermark_ns)
		behind(tap, f, acc);
	else
		tap->watermark_ns = f->ts_ns;
	return true;
}

unsigned int weir_tap_stamp(struct weir_tap *tap, struct weir_frame *frames, unsigned int n,
			    uint64_t now_ns, struct weir_accounting *acc)
{
	unsigned int i = 0;

	for (;;) {
		i += stamp_next(tap, frames + i, n - i, acc);
		if (i == n || !stamp_one(tap, &frames[i], now_ns, acc))
			return i;
		i++;
	}
}

bool weir_tap_silence(struct weir_tap *tap, uint64_t last_rx_ns, uint64_t now_ns)
{
	if (now_ns < last_rx_ns + SILENCE_NS || now_ns < tap->watermark_ns + STEP_NS)
		return false;
	tap->watermark_ns = now_ns;
	return true;
}
