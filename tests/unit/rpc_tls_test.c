/* SPDX-License-Identifier: Apache-2.0 */
/* TLS and mutual TLS with certificates the openssl program makes, and what comes of bad ones. */
#include "rpc_test.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = P_tmpdir "/weir-rpc-tls-XXXXXX";

/* good: "a.weir" and 127.0.0.1; renewed: "b.weir"; foreign: of another CA; old, early: not in force */
static const char script[] =
	"set -e; cd $1\n"
	"key='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'\n"
	"for ca in ca other; do\n"
	"  openssl req -x509 $key -keyout $ca.key -out $ca.pem -days 2 -subj /CN=$ca\n"
	"done\n"
	"sign() { # NAME CA DAYS SAN\n"
	"  openssl req $key -keyout $1.key -out $1.csr -subj /CN=$1.agent\n"
	"  echo subjectAltName=$4 >ext\n"
	"  openssl x509 -req -in $1.csr -CA $2.pem -CAkey $2.key -CAcreateserial -days $3 -extfile ext"
	" -out $1.pem\n"
	"}\n"
	"sign good ca 2 DNS:a.weir,IP:127.0.0.1\n"
	"sign renewed ca 2 DNS:b.weir\n"
	"sign foreign other 2 IP:127.0.0.1\n"
	"sign old ca -1 IP:127.0.0.1\n"
	"sign client ca 2 DNS:client\n"
	"echo 01 >serial; : >index; cat >conf <<E\n"
	"[ca]\ndefault_ca = d\n[d]\ndatabase = index\nserial = serial\nnew_certs_dir = .\n"
	"default_md = sha256\npolicy = p\n[p]\ncommonName = supplied\n"
	"E\n"
	"openssl ca -batch -config conf -cert ca.pem -keyfile ca.key -in good.csr -out early.pem"
	" -startdate 20900101000000Z -enddate 20910101000000Z -notext\n"
	"openssl ec -in good.key -aes128 -passout pass:x -out locked.key\n"
	"openssl x509 -in good.pem -outform DER -out der.pem\n"
	"echo '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----' >damaged.pem\n"
	"cat old.pem ca.pem >bundle.pem\n"
	"echo nothing >junk.pem; : >empty.pem; yes | head -c 2000000 >large.key\n";

static bool make_certificates(void)
{
	pid_t pid = fork();
	int status = 1;

	if (pid == 0) {
		if (freopen("/dev/null", "w", stdout) == NULL ||
		    freopen("/dev/null", "w", stderr) == NULL)
			_exit(1);
		execl("/bin/sh", "sh", "-c", script, "sh", dir, (char *)NULL);
		_exit(127);
	}
	return waitpid(pid, &status, 0) == pid && status == 0;
}

static void shell(const char *fmt, const char *a, const char *b)
{
	char command[512], text[256];

	snprintf(text, sizeof(text), fmt, a, b);
	snprintf(command, sizeof(command), "cd %s && %s", dir, text);
	CU_ASSERT_EQUAL_FATAL(system(command), 0);
}

/* Files by name in `dir`, NULL: none. Up to 8 at a time. */
static const struct weir_cert_files *files(const char *ca, const char *cert, const char *key)
{
	static char paths[24][64];
	static struct weir_cert_files all[8];
	static unsigned int n;
	struct weir_cert_files *f = &all[n % 8];
	char(*path)[64] = &paths[n++ % 8 * 3];

	snprintf(path[0], sizeof(path[0]), "%s/%s", dir, ca != NULL ? ca : "");
	snprintf(path[1], sizeof(path[1]), "%s/%s", dir, cert != NULL ? cert : "");
	snprintf(path[2], sizeof(path[2]), "%s/%s", dir, key != NULL ? key : "");
	*f = (struct weir_cert_files){ ca != NULL ? path[0] : NULL, cert != NULL ? path[1] : NULL,
				       key != NULL ? path[2] : NULL, 50 };
	return f;
}

static void begin_tls(const char *cert, const char *key, bool mutual)
{
	struct weir_err err = { 0 };

	begin();
	server = serve(files("ca.pem", cert, key), mutual, "127.0.0.1:0", &err);
	CU_ASSERT_STRING_EQUAL(err.msg, "");
	CU_ASSERT_PTR_NOT_NULL_FATAL(server);
}

/* A Sync by a client with these files, NULL: cleartext. */
static struct went try(const struct weir_cert_files *own, const char *name)
{
	struct weir_rpc_channel *ch = dial_for(own, name, NULL);
	struct went w = { 0 };

	CU_ASSERT_PTR_NOT_NULL(ch);
	if (ch != NULL)
		w = sync_once(ch, 0);
	weir_rpc_channel_close(ch);
	return w;
}

static void test_the_right_authority_and_name_are_let_through(void)
{
	begin_tls("good.pem", "good.key", false);
	CU_ASSERT_EQUAL(try(files("ca.pem", NULL, NULL), NULL).status, WEIR_RPC_OK);
	CU_ASSERT_EQUAL(try(files("ca.pem", NULL, NULL), "a.weir").status, WEIR_RPC_OK);
	CU_ASSERT_EQUAL(try(files("bundle.pem", NULL, NULL), NULL).status, WEIR_RPC_OK);
	CU_ASSERT_PTR_EQUAL(strstr(identity, "ipv4:"), identity);
	CU_ASSERT_FALSE(certified);
	end();
}

static void test_a_wrong_authority_or_name_ends_the_call_unavailable(void)
{
	struct went w;

	begin_tls("good.pem", "good.key", false);
	w = try(files("other.pem", NULL, NULL), NULL);
	CU_ASSERT_EQUAL(w.status, WEIR_RPC_UNAVAILABLE);
	CU_ASSERT_PTR_NOT_NULL(strstr(w.why, "certificate verify failed"));
	w = try(files("ca.pem", NULL, NULL), "b.weir");
	CU_ASSERT_EQUAL(w.status, WEIR_RPC_UNAVAILABLE);
	CU_ASSERT_PTR_NOT_NULL(strstr(w.why, "Peer name b.weir is not in peer certificate"));
	CU_ASSERT_EQUAL(opened, 0);
	end();
}

static void test_cleartext_and_tls_never_meet(void)
{
	begin_tls("good.pem", "good.key", false);
	CU_ASSERT_EQUAL(try(NULL, NULL).status, WEIR_RPC_UNAVAILABLE);
	CU_ASSERT_EQUAL(opened, 0);
	end();
	begin_served();
	CU_ASSERT_EQUAL(try(files("ca.pem", NULL, NULL), NULL).status, WEIR_RPC_UNAVAILABLE);
	CU_ASSERT_EQUAL(opened, 0);
	end();
}

static void test_a_mutual_server_takes_its_own_authoritys_clients_only(void)
{
	begin_tls("good.pem", "good.key", true);
	CU_ASSERT_EQUAL(try(files("ca.pem", NULL, NULL), NULL).status, WEIR_RPC_UNAVAILABLE);
	CU_ASSERT_EQUAL(try(files("ca.pem", "foreign.pem", "foreign.key"), NULL).status,
			WEIR_RPC_UNAVAILABLE);
	CU_ASSERT_EQUAL(opened, 0);
	CU_ASSERT_EQUAL(try(files("ca.pem", "client.pem", "client.key"), NULL).status, WEIR_RPC_OK);
	CU_ASSERT_STRING_EQUAL(identity, "client.agent");
	CU_ASSERT_TRUE(certified);
	end();
}

/* Ours would not serve with it: so openssl does. */
static void test_an_expired_server_is_refused(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct weir_rpc_peer peer = { .files = files("ca.pem", NULL, NULL) };
	char target[32], port[8];
	struct went w = { 0 };
	pid_t pid;

	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	getsockname(fd, (struct sockaddr *)&at, &len);
	snprintf(port, sizeof(port), "%u", ntohs(at.sin_port));
	snprintf(target, sizeof(target), "127.0.0.1:%s", port);
	close(fd);
	pid = fork();
	if (pid == 0) {
		if (chdir(dir) < 0 || freopen("/dev/null", "w", stdout) == NULL ||
		    freopen("/dev/null", "w", stderr) == NULL)
			_exit(1);
		execlp("openssl", "openssl", "s_server", "-accept", port, "-cert", "old.pem",
		       "-key", "old.key", "-alpn", "h2", "-quiet", (char *)NULL);
		_exit(127);
	}
	begin();
	peer.target = target;
	for (int i = 0; i < 100 && strstr(w.why, "verify") == NULL;
	     i++) { /* it takes time to start */
		struct weir_rpc_channel *ch = weir_rpc_channel_open(rpc, &peer, NULL);

		w = sync_once(ch, 0);
		weir_rpc_channel_close(ch);
		run_ms(20);
	}
	CU_ASSERT_EQUAL(w.status, WEIR_RPC_UNAVAILABLE);
	CU_ASSERT_PTR_NOT_NULL(strstr(w.why, "certificate verify failed"));
	end();
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void test_a_bad_file_is_named_before_anything_is_called(void)
{
	static const struct {
		const char *ca, *cert, *key;
		int code;
		const char *says[2];
	} rows[] = {
		{ "none.pem", NULL, NULL, ENOENT, { "none.pem", "No such file" } },
		{ "junk.pem", NULL, NULL, EBADMSG, { "junk.pem", "no certificate" } },
		{ "empty.pem", NULL, NULL, EBADMSG, { "empty.pem", "no certificate" } },
		{ "damaged.pem", NULL, NULL, EBADMSG, { "damaged.pem", "damaged" } },
		{ "der.pem", NULL, NULL, EBADMSG, { "der.pem", "binary" } },
		{ "old.pem", NULL, NULL, EKEYEXPIRED, { "old.pem", "expired on 20" } },
		{ "ca.pem", "old.pem", "old.key", EKEYEXPIRED, { "old.pem", "renew it" } },
		{ "ca.pem", "early.pem", "good.key", EKEYREJECTED, { "early.pem", "2090-01-01" } },
		{ "ca.pem",
		  "good.pem",
		  "client.key",
		  EKEYREJECTED,
		  { "client.key", "does not belong" } },
		{ "ca.pem", "good.pem", "good.pem", EBADMSG, { "good.pem", "no private key" } },
		{ "ca.pem", "good.pem", "locked.key", EBADMSG, { "locked.key", "password" } },
		{ "ca.pem", "good.pem", "large.key", EFBIG, { "large.key", "more than 1 MiB" } },
		{ "ca.pem", "good.pem", ".", EIO, { "/.", "cannot be read as a file" } },
		{ "ca.pem", "good.pem", NULL, EINVAL, { "good.pem", "come together" } },
	};
	struct weir_err err;

	begin_served();
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		const struct weir_cert_files *f = files(rows[i].ca, rows[i].cert, rows[i].key);

		err = (struct weir_err){ 0 };
		CU_ASSERT_PTR_NULL(dial_for(f, NULL, &err));
		CU_ASSERT_EQUAL(err.code, rows[i].code);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, rows[i].says[0]));
		CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, rows[i].says[1]));
		CU_ASSERT(weir_cert_check(f, NULL) < 0);
		CU_ASSERT_PTR_NULL(serve(f, false, "127.0.0.1:0", &err));
	}
	CU_ASSERT_PTR_NULL(serve(files(NULL, "good.pem", "good.key"), false, "127.0.0.1:0", &err));
	CU_ASSERT_EQUAL(weir_cert_check(files("ca.pem", "good.pem", "good.key"), NULL), 0);
	end();
}

/* Call until it goes as wanted, for a second or two: files are looked at every 50 ms. */
static int try_until(struct weir_rpc_channel *ch, const char *name, int wanted)
{
	int status = -1;

	for (int i = 0; i < 200 && status != wanted; i++) {
		status = ch != NULL ? sync_once(ch, 0).status
				    : try(files("ca.pem", NULL, NULL), name).status;
		run_ms(10);
	}
	return status;
}

static void test_a_server_serves_renewed_certificates_and_keeps_its_own_for_bad_ones(void)
{
	shell("cp %s.pem now.pem && cp %s.key now.key", "good", "good");
	begin_tls("now.pem", "now.key", false);
	CU_ASSERT_EQUAL(try(files("ca.pem", NULL, NULL), "a.weir").status, WEIR_RPC_OK);
	CU_ASSERT_EQUAL(try(files("ca.pem", NULL, NULL), "b.weir").status, WEIR_RPC_UNAVAILABLE);

	shell("cp %s.pem new.pem && mv new.pem now.%s", "renewed", "pem"); /* not yet its key */
	run_ms(200);
	CU_ASSERT_EQUAL(try(files("ca.pem", NULL, NULL), "a.weir").status, WEIR_RPC_OK);
	shell("cp %s.key new.key && mv new.key now.%s", "renewed", "key");
	CU_ASSERT_EQUAL(try_until(NULL, "b.weir", WEIR_RPC_OK), WEIR_RPC_OK);
	CU_ASSERT_EQUAL(try(files("ca.pem", NULL, NULL), "a.weir").status, WEIR_RPC_UNAVAILABLE);

	shell("cp %s now.pem; rm %s", "junk.pem", "now.key");
	run_ms(200);
	CU_ASSERT_EQUAL(try(files("ca.pem", NULL, NULL), "b.weir").status, WEIR_RPC_OK);
	end();
}

/* Kubernetes turns a link to a folder; content changes although no named file was written. */
static void test_a_link_turned_to_other_files_is_a_change(void)
{
	begin();
	shell("mkdir one two; cp %s.pem one/c.pem; cp %s.key one/c.key; ln -s one now", "good",
	      "good");
	shell("cp %s.pem two/c.pem; cp %s.key two/c.key", "renewed", "renewed");
	run_ms(2500); /* old enough not to be looked at anyway */
	end();
	begin_tls("now/c.pem", "now/c.key", false);
	run_ms(200);
	CU_ASSERT_EQUAL(try(files("ca.pem", NULL, NULL), "a.weir").status, WEIR_RPC_OK);
	shell("ln -s %s next && mv -T next %s", "two", "now");
	CU_ASSERT_EQUAL(try_until(NULL, "b.weir", WEIR_RPC_OK), WEIR_RPC_OK);
	end();
}

static void test_a_channel_connects_with_renewed_certificates_while_its_push_goes_on(void)
{
	Agent__SyncRequest rq = AGENT__SYNC_REQUEST__INIT;
	Agent__SyncResponse news = AGENT__SYNC_RESPONSE__INIT;
	struct weir_rpc_channel *ch;
	struct went push = { 0 };

	shell("cp %s.pem now.pem && cp %s.key now.key", "client", "client");
	begin_tls("good.pem", "good.key", true);
	ch = dial_for(files("ca.pem", "now.pem", "now.key"), NULL, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(ch);
	call(ch, PUSH, &rq.base, -1, &push);
	CU_ASSERT_TRUE(run_until(&push.messages, 1));
	CU_ASSERT_EQUAL(sync_once(ch, 0).status, WEIR_RPC_OK);
	CU_ASSERT_STRING_EQUAL(identity, "client.agent");

	shell("cp %s.pem now.pem && cp %s.key now.key", "foreign", "foreign");
	CU_ASSERT_EQUAL(try_until(ch, NULL, WEIR_RPC_UNAVAILABLE), WEIR_RPC_UNAVAILABLE);
	shell("cp %s.pem now.pem && cp %s.key now.key", "renewed", "renewed");
	CU_ASSERT_EQUAL(try_until(ch, NULL, WEIR_RPC_OK), WEIR_RPC_OK);
	CU_ASSERT_STRING_EQUAL(identity, "renewed.agent");

	CU_ASSERT_EQUAL(push.ends, 0);
	CU_ASSERT_TRUE(weir_rpc_stream_send(pushes[0], &news.base));
	CU_ASSERT_TRUE(run_until(&push.messages, 2));
	end();
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "the right authority and name are let through",
		  test_the_right_authority_and_name_are_let_through },
		{ "a wrong authority or name ends the call, unavailable",
		  test_a_wrong_authority_or_name_ends_the_call_unavailable },
		{ "cleartext and TLS never meet", test_cleartext_and_tls_never_meet },
		{ "a mutual server takes its own authority's clients only",
		  test_a_mutual_server_takes_its_own_authoritys_clients_only },
		{ "an expired server is refused", test_an_expired_server_is_refused },
		{ "a bad file is named before anything is called",
		  test_a_bad_file_is_named_before_anything_is_called },
		{ "a server serves renewed certificates, and keeps its own for bad ones",
		  test_a_server_serves_renewed_certificates_and_keeps_its_own_for_bad_ones },
		{ "a link turned to other files is a change",
		  test_a_link_turned_to_other_files_is_a_change },
		{ "a channel connects with renewed certificates while its push goes on",
		  test_a_channel_connects_with_renewed_certificates_while_its_push_goes_on },
		CU_TEST_INFO_NULL,
	};
	char remove[64];
	int rc;

	if (mkdtemp(dir) == NULL || !make_certificates()) {
		fprintf(stderr, "no certificates: the openssl program is needed\n");
		return 77;
	}
	rc = weir_test_main("rpc/tls", tests);
	snprintf(remove, sizeof(remove), "rm -r %s", dir);
	return system(remove) == 0 ? rc : 1;
}
