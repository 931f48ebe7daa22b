/* SPDX-License-Identifier: Apache-2.0 */
/* Private to drivers/pcap: from bytes of a file to frames. Bottom to top: input, pool, reader. */
#ifndef PCAP_PRIV_H
#define PCAP_PRIV_H

#include <weir_base.h>
#include <weir_pkt.h>

#include <stdalign.h>
#include <stdatomic.h>
#include <sys/types.h>

/*
 * Blocks hold one packet after the other, so a read past one would not be noticed: under
 * AddressSanitizer what lies between packets must not be touched once it was parsed.
 */
#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n)   ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

/* A record or packet block lies in one piece and is at most this long, options included. */
#define RECORD_MAX        (WEIR_FRAME_MAX + 65536)
#define FILE_HEADER_BYTES 24 /* of pcap; the shortest section header of pcapng has 28 */
#define FCS_PRESENT       0x04000000u

/* README.md says how these were chosen. */
#define FILES_MANY   64 /* files that may be open at once and are kept so; those are mapped */
#define BLOCKS_LENT  32 /* blocks that may be lent out beside the ones being filled */
#define WINDOWS_MAX  (FILES_MANY + BLOCKS_LENT)
#define WINDOW_BYTES ((size_t)16 << 20)
#define WINDOW_ALIGN ((size_t)2 << 20) /* of a window's begin, in memory and in the file */
#define AHEAD_BYTES  2048              /* bytes of a window that are on their way to the cache */
#define AHEAD_LINES  16                /* asked for at once */

struct gz;

/* The bytes of one file, unpacked where it is gzip. Mapped ones are not read, but passed. */
struct weir_pcap_input {
	const char *path;           /* borrowed */
	_Atomic uint64_t *progress; /* bytes read of the file are added; may be NULL */
	struct gz *gz;              /* NULL = plain */
	uint64_t size;              /* bytes of the file */
	uint64_t off;               /* bytes read or passed of it */
	int fd;                     /* -1: opened for each read, when there are very many files */
	bool is_mapped;
};

/* Look at the file. `keep` leaves it open between reads. */
int weir_pcap_input_open(struct weir_pcap_input *in, const char *path, bool keep,
			 struct weir_err *err);
/* Up to `n` bytes, fewer only before the end or damage; 0 = end, negative errno with `err`. */
ssize_t weir_pcap_input_read(struct weir_pcap_input *in, uint8_t *buf, size_t n,
			     struct weir_err *err);
/* All bytes before `off` are done with. */
void weir_pcap_input_pass(struct weir_pcap_input *in, uint64_t off);
/* Bytes of the file by now. Negative errno with `err`. */
int weir_pcap_input_size(const struct weir_pcap_input *in, uint64_t *size, struct weir_err *err);
/* Accepts one that is not open. */
void weir_pcap_input_close(struct weir_pcap_input *in);

/*
 * A piece of memory that records are read into, or of a file that is mapped, and frames point into.
 * `out` counts the frames lent from it; while a reader still fills frames from it, `out` is BLOCK_HELD
 * too high.
 */
struct weir_pcap_block {
	alignas(WEIR_CACHE_LINE) _Atomic uint32_t out; /* reader, done(): rw */
	struct weir_pcap_block *next;                  /* in a list of free ones */
	struct weir_pcap_pool *pool;
	uint8_t *data;
	size_t used;                    /* bytes that may be poisoned */
	struct weir_pcap_reader *owner; /* windows: whose file it is ... */
	uint64_t begin;                 /* ... and where in it `data` begins */
};

struct weir_pcap_pool {
	struct weir_pcap_block *blocks;
	size_t n_blocks;
	uint8_t *memory;
	size_t memory_bytes;
	uint8_t *base;                 /* of the first block, aligned to WINDOW_ALIGN */
	struct weir_pcap_block *spare; /* reader only */
	alignas(WEIR_CACHE_LINE) _Atomic(struct weir_pcap_block *) freed; /* anyone: push */
};

/* `stride`: bytes of a block, whole pages. `prot`: of their memory, as for mmap(). */
int weir_pcap_pool_init(struct weir_pcap_pool *pool, size_t n_blocks, size_t stride, int prot);
void weir_pcap_pool_fini(struct weir_pcap_pool *pool);
/* A free block, held; NULL while all are lent. The reader's thread. */
struct weir_pcap_block *weir_pcap_block_take(struct weir_pcap_pool *pool);
/* The reader is done with it, having lent `lent` frames of it in all. */
void weir_pcap_block_leave(struct weir_pcap_block *b, uint32_t lent);
/* `n` frames of it came back. Any thread. */
void weir_pcap_block_put(struct weir_pcap_block *b, uint32_t n);

/*
 * A pool of windows: address space only, and from now on, whoever looks at a page of one that cannot be
 * read sees zeros. Control thread.
 */
int weir_pcap_windows_init(struct weir_pcap_pool *pool);
/* Accepts one that is zero. */
void weir_pcap_windows_fini(struct weir_pcap_pool *pool);
/* Can this file be mapped at all? */
bool weir_pcap_window_fits(int fd);
/* Map the owner's file from `begin` on, a multiple of WINDOW_ALIGN, also past its end. */
int weir_pcap_window_map(struct weir_pcap_block *b, struct weir_pcap_reader *owner, uint64_t begin);

/* Why a reader stopped. */
enum weir_pcap_step {
	WEIR_PCAP_MORE,  /* the next record is not in memory: fill */
	WEIR_PCAP_FULL,  /* the caller's array is full, head_ns is the next packet's time */
	WEIR_PCAP_LATER, /* the next packet is past the limit, head_ns is its time */
	WEIR_PCAP_WAIT,  /* no free block */
	WEIR_PCAP_END,   /* of the file */
	WEIR_PCAP_FAULT, /* end of what can be read: `fault` says why */
};

struct weir_pcap_reader;

/* Frames of the records in memory: append to frames[*n], up to `max`, while time <= limit_ns. */
typedef enum weir_pcap_step (*weir_pcap_batch_fn)(struct weir_pcap_reader *r,
						  struct weir_frame *frames, uint16_t max,
						  uint64_t limit_ns, uint16_t *n);

/* One pcapng interface, or the whole of a pcap file. */
struct weir_pcap_iface {
	uint64_t units;   /* time stamp units a second */
	int64_t offset_s; /* added to the time */
	uint32_t snaplen; /* 0 = none */
	uint8_t link;     /* enum weir_link */
	uint8_t fcs;      /* bytes at the end of each frame that are its check sum */
};

struct weir_pcap_reader {
	weir_pcap_batch_fn batch;
	const uint8_t *p;       /* next byte */
	const uint8_t *end;     /* one past the last in memory */
	const uint8_t *fetched; /* windows: up to here it is on its way to the cache */
	struct weir_pcap_block *block;
	uint32_t lent;                /* frames of `block` */
	bool swap;                    /* other byte order than ours */
	uint8_t record_header;        /* pcap: bytes before a packet */
	uint8_t lengths;              /* pcap: enum lengths */
	struct weir_pcap_iface iface; /* pcap */
	uint64_t shift_ns;            /* added to all times */
	uint64_t head_ns; /* see enum weir_pcap_step; before the first packet: its time, or 0 */
	uint64_t last_ns; /* of the packet before */
	_Atomic uint64_t torn; /* first byte lost of what is mapped; SIGBUS: wo. TORN_NOWHERE */

	struct weir_pcap_iface *ifaces; /* pcapng: of this section */
	uint32_t n_ifaces, ifaces_cap;
	bool left_out; /* pcapng: this section is of an unknown version */

	uint64_t base;                  /* offset of the block's first byte in the unpacked file */
	uint64_t skip;                  /* bytes still to be left out */
	struct weir_pcap_pool *pool;    /* of memory ... */
	struct weir_pcap_pool *windows; /* ... and of these, NULL = none */
	size_t chunk;                   /* bytes read at once, where it is not mapped */
	char *path;                     /* given */
	struct weir_pcap_input in;
	struct weir_err fault;
	uint64_t first_ns; /* time of the first packet, 0 = none */
	uint32_t index;    /* order among files of equal time */
	bool is_open;
	bool is_empty; /* not one packet is in it */
	bool is_noted; /* its damage */
};

#define TORN_NOWHERE UINT64_MAX

/* From the first byte. `keep` and `progress`: see struct weir_pcap_input. */
int weir_pcap_reader_open(struct weir_pcap_reader *r, bool keep, _Atomic uint64_t *progress,
			  struct weir_err *err);
/* Also fills. WEIR_PCAP_MORE is never returned. */
enum weir_pcap_step weir_pcap_reader_batch(struct weir_pcap_reader *r, struct weir_frame *frames,
					   uint16_t max, uint64_t limit_ns, uint16_t *n);
void weir_pcap_reader_close(struct weir_pcap_reader *r);

/*
 * Record what is wrong at the record that begins at r->p, if it is the first in this file. Returns
 * WEIR_PCAP_FAULT.
 */
enum weir_pcap_step weir_pcap_fault(struct weir_pcap_reader *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Zeros at r->p, or what makes no sense: are the `n` bytes from there still those of the file? It may
 * have got shorter since it was mapped.
 */
bool weir_pcap_is_torn(const struct weir_pcap_reader *r, size_t n);
/* Record in `fault` that the bytes from `at` on are lost, and why. */
void weir_pcap_torn_fault(struct weir_pcap_reader *r, uint64_t at);

/* Is this the start of a capture? `n` bytes are there. */
bool weir_pcap_is_capture(const uint8_t *p, size_t n);
/* Refuse a file by its first bytes; -EINVAL or -ENODATA. */
int weir_pcap_refuse(const char *path, const uint8_t *p, size_t n, struct weir_err *err);

/* The file header: sets up `r` for the format. WEIR_PCAP_FAULT with -EINVAL: not a capture. */
enum weir_pcap_step weir_pcap_start(struct weir_pcap_reader *r, struct weir_frame *frames,
				    uint16_t max, uint64_t limit_ns, uint16_t *n);
enum weir_pcap_step weir_pcap_classic_start(struct weir_pcap_reader *r);
enum weir_pcap_step weir_pcap_ng_batch(struct weir_pcap_reader *r, struct weir_frame *frames,
				       uint16_t max, uint64_t limit_ns, uint16_t *n);

/* LINKTYPE_ number of a capture file, without FCS bits. */
enum weir_link weir_pcap_link(uint32_t linktype);

static inline uint32_t weir_pcap_u32(const struct weir_pcap_reader *r, const uint8_t *p)
{
	return r->swap ? weir_be32(p) : weir_le32(p);
}

static inline uint16_t weir_pcap_u16(const struct weir_pcap_reader *r, const uint8_t *p)
{
	return r->swap ? weir_be16(p) : weir_le16(p);
}

/*
 * A page that is not there yet is not fetched: nothing is lost by that. Many lines at once, as how many
 * each frame has is not to be foreseen.
 */
static inline void weir_pcap_run_ahead(struct weir_pcap_reader *r)
{
	if (weir_likely(r->fetched >= r->p + AHEAD_BYTES))
		return;
	if (r->fetched < r->p)
		r->fetched = r->p;
	for (unsigned int line = 0; line < AHEAD_LINES; line++)
		weir_prefetch(r->fetched + line * WEIR_CACHE_LINE);
	r->fetched += AHEAD_LINES * WEIR_CACHE_LINE;
}

/* Lend one frame of r->block. `wirelen` below `caplen` is raised to it. */
static inline void weir_pcap_lend(struct weir_pcap_reader *r, struct weir_frame *f,
				  const uint8_t *data, uint32_t caplen, uint32_t wirelen,
				  uint64_t ts_ns, uint8_t link)
{
	*f = (struct weir_frame){
		.data = data,
		.ts_ns = ts_ns,
		.caplen = caplen,
		.wirelen = wirelen > caplen ? wirelen : caplen,
		.link = link,
		.opaque = r->block,
	};
	r->last_ns = ts_ns;
	r->lent++;
}

/* Take the check sum off a frame whose interface says that it has one. */
static inline void weir_pcap_strip_fcs(uint8_t fcs, uint32_t *caplen, uint32_t *wirelen)
{
	if (fcs == 0 || *wirelen < fcs)
		return;
	*wirelen -= fcs;
	if (*caplen > *wirelen)
		*caplen = *wirelen;
}

#endif
