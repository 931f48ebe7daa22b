/* SPDX-License-Identifier: Apache-2.0 */
/* Names to captures, and what gzip (RFC 1952) adds to a file. */
#include "pcap_file.h"

#include <zlib.h>

#include <errno.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

static struct made m;
static struct seen seen;
static struct weir_err err;
static char dir[32];

static void dir_make(void)
{
	strcpy(dir, P_tmpdir "/weir-test-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void dir_remove(void)
{
	CU_ASSERT_EQUAL(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void bytes_write(const char *name, const void *bytes, size_t n)
{
	char path[128];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	out = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	CU_ASSERT_EQUAL(fwrite(bytes, 1, n, out), n);
	fclose(out);
}

static void capture_make(void)
{
	m.n = 0;
	put_header(&m, 0xa1b2c3d4, 1);
	for (uint32_t i = 1; i <= 3; i++)
		put_record(&m, i, 0, 40, 40);
}

/* Append these bytes as one gzip member. */
static void gz_put(struct made *out, const uint8_t *bytes, size_t n)
{
	z_stream z = { 0 };

	CU_ASSERT_EQUAL_FATAL(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY),
			      Z_OK);
	z.next_in = (uint8_t *)(uintptr_t)bytes;
	z.avail_in = (uInt)n;
	z.next_out = out->b + out->n;
	z.avail_out = (uInt)(sizeof(out->b) - out->n);
	CU_ASSERT_EQUAL(deflate(&z, Z_FINISH), Z_STREAM_END);
	out->n += z.total_out;
	deflateEnd(&z);
}

static void test_a_directory_gives_its_captures_sorted(void)
{
	const char *const args[] = { dir };
	static struct made packed;
	struct weir_pcap_files files;
	char sub[64];

	dir_make();
	capture_make();
	bytes_write("b.pcap", m.b, m.n);
	bytes_write("a-without-a-suffix", m.b, m.n);
	bytes_write("notes.txt", "no capture", 10);
	bytes_write("empty.pcap", "", 0);
	bytes_write(".hidden.pcap", m.b, m.n);
	snprintf(sub, sizeof(sub), "%s/sub", dir);
	CU_ASSERT_EQUAL_FATAL(mkdir(sub, 0700), 0);
	packed.n = 0;
	gz_put(&packed, m.b, m.n);
	bytes_write("sub/c.pcap.gz", packed.b, packed.n);
	packed.n = 0;
	gz_put(&packed, (const uint8_t *)"no capture either", 17);
	bytes_write("sub/d.txt.gz", packed.b, packed.n);
	snprintf(sub, sizeof(sub), "%s/fifo", dir);
	CU_ASSERT_EQUAL_FATAL(mkfifo(sub, 0600), 0);

	CU_ASSERT_EQUAL_FATAL(weir_pcap_files_find(&files, args, 1, &err), 0);
	CU_ASSERT_EQUAL_FATAL(files.n, 3);
	CU_ASSERT_PTR_NOT_NULL(strstr(files.paths[0], "/a-without-a-suffix"));
	CU_ASSERT_PTR_NOT_NULL(strstr(files.paths[1], "/b.pcap"));
	CU_ASSERT_PTR_NOT_NULL(strstr(files.paths[2], "/sub/c.pcap.gz"));
	weir_pcap_files_free(&files);
	dir_remove();
}

static int find(const char *name)
{
	struct weir_pcap_files files;
	char path[128];
	const char *const args[] = { path };
	int rc;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	rc = weir_pcap_files_find(&files, args, 1, &err);
	if (rc != 0) {
		CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, path));
		CU_ASSERT_EQUAL(files.n, 0);
	}
	weir_pcap_files_free(&files);
	return rc;
}

static void test_a_file_that_was_named_has_to_be_a_capture(void)
{
	char sub[64];

	dir_make();
	bytes_write("notes.txt", "no capture", 10);
	bytes_write("empty.pcap", "", 0);
	snprintf(sub, sizeof(sub), "%s/nothing", dir);
	CU_ASSERT_EQUAL_FATAL(mkdir(sub, 0700), 0);
	CU_ASSERT_EQUAL(find("notes.txt"), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "6e 6f 20 63"));
	CU_ASSERT_EQUAL(find("empty.pcap"), -ENODATA);
	CU_ASSERT_EQUAL(find("missing.pcap"), -ENOENT);
	CU_ASSERT_EQUAL(find("nothing"), -ENOENT);
	dir_remove();
}

/* A link beside a capture, in a directory that is searched. */
static int find_beside(const char *target)
{
	char path[64];
	int rc;

	dir_make();
	capture_make();
	bytes_write("a.pcap", m.b, m.n);
	snprintf(path, sizeof(path), "%s/b", dir);
	CU_ASSERT_EQUAL_FATAL(symlink(target, path), 0);
	rc = find("");
	if (rc != 0)
		CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "/b"));
	dir_remove();
	return rc;
}

/* Byte 0 of a process is not mapped, so reading it is an I/O error, of root's too. */
static void test_what_cannot_be_read_is_not_left_out(void)
{
	CU_ASSERT_EQUAL(find_beside("/proc/self/mem"), -EIO);
	CU_ASSERT_EQUAL(find_beside("/nonexistent"), 0);
	CU_ASSERT_EQUAL(find_beside("b"), 0); /* itself */
	CU_ASSERT_EQUAL(find_beside("/dev/null"), 0);
}

static void test_a_capture_of_someone_else_is_not_left_out(void)
{
	const uid_t me = geteuid();
	char path[64];

	if (me == 0 && seteuid(65534) != 0)
		return; /* not to be tried here */
	dir_make();
	capture_make();
	bytes_write("a.pcap", m.b, m.n);
	snprintf(path, sizeof(path), "%s/a.pcap", dir);
	CU_ASSERT_EQUAL_FATAL(chmod(path, 0), 0);
	CU_ASSERT_EQUAL(find(""), -EACCES);
	dir_remove();
	CU_ASSERT_EQUAL(seteuid(me), 0);
}

static void test_gzip_members_are_one_file(void)
{
	static struct made packed;

	capture_make();
	packed.n = 0;
	gz_put(&packed, m.b, 50); /* inside the first record */
	gz_put(&packed, m.b + 50, 0);
	gz_put(&packed, m.b + 50, m.n - 50);
	put_data(&packed, 0, 512); /* padding of a tape */
	CU_ASSERT_EQUAL_FATAL(see_made(&seen, &packed, &err), 0);
	CU_ASSERT_EQUAL(seen.n, 3);
	CU_ASSERT_EQUAL(seen.fault.code, 0);
	CU_ASSERT_EQUAL(seen.bytes_done, packed.n);
	CU_ASSERT_EQUAL(seen.bytes_total, packed.n);
}

static void test_damaged_gzip_gives_what_came_before(void)
{
	static struct made packed;
	size_t whole;

	capture_make();
	packed.n = 0;
	gz_put(&packed, m.b, 24 + 56 + 56);
	whole = packed.n;
	gz_put(&packed, m.b + 24 + 56 + 56, 56);
	packed.n -= 9; /* the end of the second member: part of its data, and its check sum */
	CU_ASSERT_EQUAL_FATAL(see_made(&seen, &packed, &err), 0);
	CU_ASSERT(seen.n >= 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.fault.msg, "gzip data ends"));

	packed.n = whole;
	packed.b[whole - 8] ^= 0xff; /* its check sum */
	CU_ASSERT_EQUAL_FATAL(see_made(&seen, &packed, &err), 0);
	CU_ASSERT_EQUAL(seen.n, 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.fault.msg, "gzip data damaged"));
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a directory gives its captures, sorted",
		  test_a_directory_gives_its_captures_sorted },
		{ "a file that was named has to be a capture",
		  test_a_file_that_was_named_has_to_be_a_capture },
		{ "what cannot be read is not left out", test_what_cannot_be_read_is_not_left_out },
		{ "a capture of someone else is not left out",
		  test_a_capture_of_someone_else_is_not_left_out },
		{ "gzip members are one file", test_gzip_members_are_one_file },
		{ "damaged gzip gives what came before", test_damaged_gzip_gives_what_came_before },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("pcap/files", tests);
}
