/* SPDX-License-Identifier: Apache-2.0 */
/* Record files as they lie on disk: README.md. All numbers little-endian. */
#ifndef EXPORT_REC_FILE_H
#define EXPORT_REC_FILE_H

#include "columns.h"

#define REC_FILE_MAGIC       "WEIRFLOW"
#define REC_FILE_VERSION     2
#define REC_FILE_BYTES_1     408        /* of a record of version 1: what version 2 begins with */
#define REC_FILE_BLOCK_MAGIC 0x4b4c4257 /* "WBLK" */
#define REC_FILE_SUFFIX      ".weir"
#define REC_FILE_BYTES       (UINT64_C(256) << 20) /* a file is ended when it is larger */

struct rec_file_head {
	char magic[8];
	uint32_t version;
	uint32_t record_bytes;
};
static_assert(sizeof(struct rec_file_head) == 16, "README.md");

struct rec_file_block {
	uint32_t magic;
	uint32_t records;
	uint32_t payload_bytes; /* a zstd frame, with its checksum, follows */
	uint32_t raw_bytes;     /* of the payload, unpacked */
	uint64_t start_ns;      /* smallest start of its records */
	uint64_t end_ns;        /* largest end */
	uint32_t zero;
	uint32_t crc; /* CRC-32 of the bytes before */
};
static_assert(sizeof(struct rec_file_block) == 40, "README.md");

#endif
